using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;
using LCNet.Server.Errors;

namespace LCNet.Server.Protocols.Http;

/// <summary>Reads the body of a request of the HTTP port, up to a limit and no further. What has arrived counts in <see cref="Security.ReceiveBudget"/> until the body is whole.</summary>
internal static class RequestBody
{
    /// <summary>Reads a body; memory is taken as bytes come, whatever was announced.</summary>
    /// <param name="limit">Most bytes, uncompressed.</param>
    /// <param name="field">Stands in front of what is wrong, with a colon behind it; empty for none.</param>
    /// <param name="what">What the body is, for example <c>the image</c>.</param>
    /// <exception cref="ServerError">The body is larger, ends too early, comes too slowly or is compressed in another way than gzip or deflate. RESOURCE_EXHAUSTED: too much is being received.</exception>
    public static async Task<ArraySegment<byte>> ReadAsync(HttpRequest request, int limit, string field, string what)
    {
        if (request.ContentLength > limit)
        {
            throw TooLarge($"{field}{what} has {request.ContentLength} bytes; the limit is {limit}");
        }

        byte[] body;
        try
        {
            body = await ReadAllAsync(request.BodyReader, limit, request.HttpContext.RequestAborted).ConfigureAwait(false) ?? throw TooLarge($"{field}{what} has more than {limit} bytes, the limit");
        }
        catch (BadHttpRequestException exception)
        {
            throw ServerError.InvalidBody($"{field}the request cannot be read to its end", exception.StatusCode);
        }

        return request.Headers.ContentEncoding.ToString() switch
        {
            "" or "identity" => body,
            "gzip" => Decompress(body, source => new GZipStream(source, CompressionMode.Decompress), limit, field, what),
            "deflate" => Decompress(body, source => new ZLibStream(source, CompressionMode.Decompress), limit, field, what),
            string other => throw ServerError.InvalidBody($"{field}the content encoding {ServerError.Quote(other)} is neither gzip nor deflate", StatusCodes.Status415UnsupportedMediaType),
        };
    }

    private static async Task<byte[]?> ReadAllAsync(PipeReader reader, int limit, CancellationToken cancellation)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync(cancellation).ConfigureAwait(false);
            if (result.Buffer.Length > limit)
            {
                reader.AdvanceTo(result.Buffer.End);
                return null;
            }

            if (result.IsCompleted)
            {
                byte[] body = result.Buffer.ToArray();
                reader.AdvanceTo(result.Buffer.End);
                return body;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private static ArraySegment<byte> Decompress(byte[] body, Func<Stream, Stream> open, int limit, string field, string what)
    {
        using var source = new MemoryStream(body);
        using Stream decompressed = open(source);
        using var result = new MemoryStream();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(81920);
        try
        {
            while (decompressed.Read(buffer) is > 0 and int read)
            {
                result.Write(buffer, 0, read);
                if (result.Length > limit)
                {
                    throw TooLarge($"{field}{what} has more than {limit} bytes, the limit");
                }
            }
        }
        catch (InvalidDataException)
        {
            throw ServerError.InvalidArgument($"{field}{what} is not compressed as its content encoding says");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return new ArraySegment<byte>(result.GetBuffer(), 0, (int)result.Length);
    }

    private static ServerError TooLarge(string detail) => ServerError.InvalidBody(detail, StatusCodes.Status413PayloadTooLarge);
}
