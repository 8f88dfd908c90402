using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LCNet.Server.Protocols.Http;

/// <summary>Finds the image file that a request carries: as its body, or as the one part of a form.</summary>
internal static class UploadedImage
{
    private const string Field = "encoded_image: ";
    private const string What = "the image";
    private const string Part = "image";

    /// <summary>Refuses what can be refused before anything of the body is read.</summary>
    /// <exception cref="ServerError">INVALID_ARGUMENT (415): a content type that holds no image.</exception>
    public static void Check(HttpRequest request)
    {
        if (!IsFile(request) && !IsForm(request))
        {
            throw ServerError.InvalidBody(
                $"content-type: {ServerError.Quote(request.ContentType!)} holds no image; send the file as the body, as image/… or application/octet-stream, or as the part {Part} of multipart/form-data",
                StatusCodes.Status415UnsupportedMediaType);
        }
    }

    /// <summary>Reads the file.</summary>
    /// <exception cref="ServerError">INVALID_ARGUMENT: it is larger than an image may be, does not arrive whole, or the form has not one image.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpRequest request, ServerOptions options)
    {
        if (!IsForm(request))
        {
            return await RequestBody.ReadAsync(request, options.MaxImageBytes, Field, What).ConfigureAwait(false);
        }

        ArraySegment<byte> body = await RequestBody.ReadAsync(request, options.RequestLimit, Field, "the form").ConfigureAwait(false);
        string? boundary = HeaderUtilities.RemoveQuotes(MediaTypeHeaderValue.Parse(request.ContentType).Boundary).Value;
        if (string.IsNullOrEmpty(boundary))
        {
            throw ServerError.InvalidArgument($"{Field}the form has no boundary");
        }

        return await ReadPartAsync(body, boundary, options.MaxImageBytes, request.HttpContext.RequestAborted).ConfigureAwait(false);
    }

    private static async Task<ReadOnlyMemory<byte>> ReadPartAsync(ArraySegment<byte> body, string boundary, int limit, CancellationToken cancellation)
    {
        ReadOnlyMemory<byte>? image = null;
        try
        {
            var reader = new MultipartReader(boundary, new MemoryStream(body.Array!, body.Offset, body.Count));
            while (await reader.ReadNextSectionAsync(cancellation).ConfigureAwait(false) is { } section)
            {
                string? name = ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition) ? HeaderUtilities.RemoveQuotes(disposition.Name).Value : null;
                if (name != Part || image is not null)
                {
                    throw ServerError.InvalidArgument($"{Field}the form has the part {ServerError.Quote(name ?? string.Empty)}{(name == Part ? " twice" : string.Empty)}; it takes one, {Part}");
                }

                using var file = new MemoryStream();
                await section.Body.CopyToAsync(file, cancellation).ConfigureAwait(false);
                image = file.Length <= limit ? file.ToArray() : throw ServerError.InvalidBody($"{Field}{What} has {file.Length} bytes; the limit is {limit}", StatusCodes.Status413PayloadTooLarge);
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            throw ServerError.InvalidArgument($"{Field}the form cannot be read: {exception.Message}");
        }

        return image ?? throw ServerError.InvalidArgument($"{Field}the form has no part {Part}");
    }

    // What curl sends where it is told nothing is the type of forms, and so is no type at all.
    private static bool IsFile(HttpRequest request) =>
        string.IsNullOrEmpty(request.ContentType)
        || (MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            && (type.Type == "image" || type.MediaType.Value is "application/octet-stream" or "application/x-www-form-urlencoded"));

    private static bool IsForm(HttpRequest request) => MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type) && type.MediaType == "multipart/form-data";
}
