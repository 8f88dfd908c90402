using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace LCNet.Page.Tests;

/// <summary>Asks a server's HTTP port as the page does.</summary>
internal static class PageServer
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Sends an image.</summary>
    /// <returns>The status, and the JSON of the answer; undefined where it has no body.</returns>
    public static async Task<(HttpStatusCode Status, JsonElement Answer)> ClassifyAsync(this TestServer server, byte[] image, string query = "", string type = "image/png")
    {
        using var content = new ByteArrayContent(image);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return await server.PostAsync(content, query);
    }

    /// <summary>Sends a body.</summary>
    public static async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(this TestServer server, HttpContent content, string query = "")
    {
        using HttpResponseMessage response = await server.Http.PostAsync(new Uri($"/v1/classify{query}", UriKind.Relative), content, Cancellation);
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        if (text.Length > 0)
        {
            Assert.Equal(response.IsSuccessStatusCode ? "application/json" : "application/problem+json", response.Content.Headers.ContentType?.ToString());
            Assert.Equal("no-store", response.Headers.CacheControl?.ToString());
        }

        return (response.StatusCode, text.Length > 0 ? JsonDocument.Parse(text).RootElement : default);
    }

    /// <summary>The figures.</summary>
    public static async Task<JsonElement> FiguresAsync(this TestServer server) =>
        JsonDocument.Parse(await server.Http.GetStringAsync(new Uri("/live/figures", UriKind.Relative), Cancellation)).RootElement;

    /// <summary>Checks that an image is refused with the words of the gRPC call.</summary>
    /// <param name="detail">Null where any words will do.</param>
    public static void AssertProblem((HttpStatusCode Status, JsonElement Answer) reply, HttpStatusCode status, string title, string? field, string? detail)
    {
        Assert.Equal(status, reply.Status);
        Assert.Equal((int)status, reply.Answer.GetProperty("status").GetInt32());
        Assert.Equal(title, reply.Answer.GetProperty("title").GetString());
        Assert.Equal(detail ?? reply.Answer.GetProperty("detail").GetString(), reply.Answer.GetProperty("detail").GetString());
        Assert.Equal(field, reply.Answer.TryGetProperty("field", out JsonElement value) ? value.GetString() : null);
    }
}
