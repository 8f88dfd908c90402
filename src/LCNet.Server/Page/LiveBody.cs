namespace LCNet.Server;

/// <summary>Reads the image that a request carries, up to the limit of an image and no further.</summary>
internal static class LiveBody
{
    private const int FirstBytes = 64 * 1024;

    /// <summary>Reads it.</summary>
    /// <exception cref="ServerError">It is larger than an image may be.</exception>
    /// <exception cref="BadHttpRequestException">It ends too early or comes too slowly.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpRequest request, int limit, CancellationToken cancellation)
    {
        if (request.ContentLength > limit)
        {
            throw ServerError.TooLarge($"encoded_image: the image has {request.ContentLength} bytes; the limit is {limit}");
        }

        // Memory is taken as bytes come, whatever was announced. One byte more than there may be tells whether there is more.
        byte[] bytes = new byte[Math.Min(request.ContentLength ?? limit, FirstBytes) + 1];
        int length = 0;
        while (await request.Body.ReadAsync(bytes.AsMemory(length), cancellation).ConfigureAwait(false) is > 0 and int read)
        {
            length += read;
            if (length > limit)
            {
                throw ServerError.TooLarge($"encoded_image: the image has more than {limit} bytes, the limit");
            }

            if (length == bytes.Length)
            {
                Array.Resize(ref bytes, (int)Math.Min(2L * length, limit + 1L));
            }
        }

        return bytes.AsMemory(0, length);
    }
}
