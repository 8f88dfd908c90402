using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Grpc.Core;

namespace LCNet.Cli.Load;

/// <summary><c>POST /v1/classify</c>, an image a request.</summary>
internal sealed class HttpCalls : ILoadCalls
{
    private readonly LoadImages _images;
    private readonly IReadOnlyList<HttpClient> _clients;
    private readonly Uri _path;

    /// <summary>Makes the requests.</summary>
    /// <param name="clients">Of the server's HTTP port, at least one, each with its own connections.</param>
    /// <param name="effort">Of every request; null to leave it to the server.</param>
    public HttpCalls(IReadOnlyList<HttpClient> clients, LoadImages images, double? effort)
    {
        _images = images;
        _clients = clients;
        _path = new Uri("/v1/classify?top_k=1" + (effort is double value ? string.Create(CultureInfo.InvariantCulture, $"&effort={value}") : string.Empty), UriKind.Relative);
    }

    /// <inheritdoc/>
    public async Task<LoadAnswer> SendAsync(int number, CallOptions options)
    {
        int image = number % _images.Files.Count;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken);
        if (options.Deadline is DateTime deadline)
        {
            TimeSpan left = deadline - DateTime.UtcNow;
            limit.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }

        try
        {
            using var body = new ReadOnlyMemoryContent(_images.Files[image].Memory);
            body.Headers.ContentType = new MediaTypeHeaderValue("image/jpeg");
            using HttpResponseMessage response = await _clients[number % _clients.Count].PostAsync(_path, body, limit.Token).ConfigureAwait(false);
            byte[] reply = await response.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false);
            return response.IsSuccessStatusCode ? Read(reply, _images.Classes[image]) : new LoadAnswer(StatusOf(response.StatusCode), response.Headers.RetryAfter is not null, [], 0);
        }
        catch (OperationCanceledException)
        {
            return new LoadAnswer(options.CancellationToken.IsCancellationRequested ? StatusCode.Cancelled : StatusCode.DeadlineExceeded, false, [], 0);
        }
        catch (HttpRequestException)
        {
            return new LoadAnswer(StatusCode.Unavailable, false, [], 0);
        }
    }

    private static LoadAnswer Read(byte[] reply, string expected)
    {
        using var document = JsonDocument.Parse(reply);
        double effort = document.RootElement.GetProperty("compute").GetProperty("effort").GetDouble();
        string? label = document.RootElement.GetProperty("predictions")[0].GetProperty("label").GetString();
        return new LoadAnswer(StatusCode.OK, false, [effort], label == expected ? 1 : 0);
    }

    private static StatusCode StatusOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => StatusCode.InvalidArgument,
        HttpStatusCode.TooManyRequests => StatusCode.ResourceExhausted,
        HttpStatusCode.ServiceUnavailable => StatusCode.Unavailable,
        HttpStatusCode.GatewayTimeout => StatusCode.DeadlineExceeded,
        _ => StatusCode.Internal,
    };
}
