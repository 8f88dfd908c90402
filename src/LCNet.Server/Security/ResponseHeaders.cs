namespace LCNet.Server.Security;

/// <summary>Headers of what the HTTP port answers: they keep a browser to what the live page needs, its own files and pictures that its user chose.</summary>
internal static class ResponseHeaders
{
    private const string Policy =
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Sets the headers.</summary>
    public static void Set(HttpResponse response, string contentType)
    {
        response.ContentType = contentType;
        IHeaderDictionary headers = response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    /// <summary>Writes a whole reply that no cache keeps, with these headers.</summary>
    public static async Task WriteAsync(HttpContext context, string contentType, ReadOnlyMemory<byte> body)
    {
        Set(context.Response, contentType);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }
}
