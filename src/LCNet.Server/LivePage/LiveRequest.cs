using System.Globalization;
using Grpc.Core;
using LCNet.Server.Errors;
using LCNet.V1;

namespace LCNet.Server.LivePage;

/// <summary>Makes of a request of the page the request that a gRPC caller would send, so that the same rules hold for both.</summary>
internal static class LiveRequest
{
    /// <summary>Whether its sender is a page of this server, or no page at all: those of other servers may not use a visitor's browser to get here.</summary>
    public static bool IsOwn(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() is "" or "same-origin" or "none";

    /// <summary>Whether it says that it carries an image, which no page of another server can do without asking first.</summary>
    public static bool IsImage(HttpRequest request) =>
        request.ContentType is { } type
        && (type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) || type.StartsWith("application/octet-stream", StringComparison.OrdinalIgnoreCase));

    /// <summary>Makes the gRPC request of a query, without its image.</summary>
    /// <param name="query">May have <c>model</c>, <c>version</c> and <c>effort</c>.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT: the effort is no number.</exception>
    public static ClassifyRequest Read(IQueryCollection query)
    {
        var request = new ClassifyRequest
        {
            Model = query["model"].ToString(),
            Version = query["version"].ToString(),
        };
        string effort = query["effort"].ToString();
        if (effort.Length > 0)
        {
            request.Effort = double.TryParse(effort, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                ? value
                : throw ServerError.InvalidArgument($"effort: {ServerError.Quote(effort)} is not a number");
        }

        return request;
    }
}

/// <summary>Reads the image that a request carries, up to the limit of an image and no further.</summary>
internal static class LiveBody
{
    private const int FirstBytes = 64 * 1024;

    /// <summary>Reads the body.</summary>
    /// <exception cref="ServerError">It is larger than an image may be.</exception>
    /// <exception cref="BadHttpRequestException">It ends too early or comes too slowly.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpRequest request, int limit, CancellationToken cancellation)
    {
        if (request.ContentLength > limit)
        {
            throw ServerError.InvalidBody($"encoded_image: the image has {request.ContentLength} bytes; the limit is {limit}", StatusCodes.Status413PayloadTooLarge);
        }

        // Memory is taken as bytes come, whatever was announced. One byte more than there may be tells whether there is more.
        byte[] bytes = new byte[Math.Min(request.ContentLength ?? limit, FirstBytes) + 1];
        int length = 0;
        while (await request.Body.ReadAsync(bytes.AsMemory(length), cancellation).ConfigureAwait(false) is > 0 and int read)
        {
            length += read;
            if (length > limit)
            {
                throw ServerError.InvalidBody($"encoded_image: the image has more than {limit} bytes, the limit", StatusCodes.Status413PayloadTooLarge);
            }

            if (length == bytes.Length)
            {
                Array.Resize(ref bytes, (int)Math.Min(2L * length, limit + 1L));
            }
        }

        return bytes.AsMemory(0, length);
    }
}
