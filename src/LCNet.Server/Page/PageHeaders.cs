namespace LCNet.Server;

/// <summary>Headers that keep a browser to what the page needs: its own files, and pictures that its user chose.</summary>
internal static class PageHeaders
{
    private const string Policy =
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Sets them.</summary>
    public static void Write(HttpResponse response, string contentType)
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
    public static async Task WriteAsync(HttpContext context, string contentType, byte[] body)
    {
        Write(context.Response, contentType);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted).ConfigureAwait(false);
    }
}
