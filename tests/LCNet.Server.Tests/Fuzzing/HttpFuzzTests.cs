using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using CsCheck;
using LCNet.Fuzzing;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>Requests to the HTTP port that were changed at random: each gets a status of the caller's side and says in JSON what is wrong, and the server goes on.</summary>
public sealed class HttpFuzzTests(ServerFixture servers, ITestOutputHelper output)
{
    private const int Few = 2000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // A fault of the server's, 500, is not among them. 408 is a body that is shorter than its length, which an HTTP client does not send.
    private static readonly HttpStatusCode[] Allowed =
        [HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.NotFound, HttpStatusCode.MethodNotAllowed, HttpStatusCode.RequestEntityTooLarge, HttpStatusCode.UnsupportedMediaType, HttpStatusCode.TooManyRequests];

    private static readonly byte[][] Files = [TestImages.Encode(SKEncodedImageFormat.Png, 1), TestImages.Encode(SKEncodedImageFormat.Jpeg, 2), TestImages.Encode(SKEncodedImageFormat.Webp, 3)];
    private static readonly string[] Queries = ["", "?effort=0.5", "?effort=-1", "?effort=%00", "?max_flops=99999999999999999999", "?top_k=2&id=a", "?model=..%2Falpha", "?version=3&version=4", "?include_plan=true", "?=", "?%ff=%fe"];
    private static readonly string[] Types = ["image/png", "", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\"\"", "text/plain", "image/", ";;", "application/json"];
    private static readonly string[] Encodings = ["gzip", "deflate", "br", "gzip, gzip", "identity"];
    private readonly ConcurrentDictionary<HttpStatusCode, int> _statuses = new();

    [Fact]
    public async Task AnyRequest_ChangedAtRandom_IsAnsweredInJson()
    {
        await using TestServer server = await TestServer.StartAsync(servers.OneModel);
        using var client = new HttpClient { BaseAddress = server.Http.BaseAddress, Timeout = Patience };
        int requests = int.TryParse(Environment.GetEnvironmentVariable("LCNET_FUZZ_REQUESTS"), CultureInfo.InvariantCulture, out int count) ? count : Few;

        await Gen.Int.SampleAsync(seed => SendAsync(client, new Random(seed)), iter: requests, threads: 8);

        output.WriteLine(string.Join(", ", _statuses.OrderBy(status => status.Key).Select(status => $"{(int)status.Key}: {status.Value}")));
        Assert.InRange(_statuses[HttpStatusCode.OK] / (double)_statuses.Values.Sum(), 0.1, 0.6);
        Assert.Equal((await servers.One.ClassifyAsync(TestImages.Png(7))).Predictions, (await server.ClassifyAsync(TestImages.Png(7))).Predictions);
    }

    private async Task SendAsync(HttpClient client, Random random)
    {
        using HttpRequestMessage request = random.Next(2) == 0 ? Classify(random) : Infer(random);
        if (random.Next(12) == 0)
        {
            request.Content!.Headers.TryAddWithoutValidation("Content-Encoding", Encodings[random.Next(Encodings.Length)]);
        }

        using HttpResponseMessage response = await client.SendAsync(request, CancellationToken.None);
        string body = await response.Content.ReadAsStringAsync(CancellationToken.None);
        _statuses.AddOrUpdate(response.StatusCode, 1, (_, count) => count + 1);
        Assert.True(Allowed.Contains(response.StatusCode), $"{request.RequestUri}: {(int)response.StatusCode}: {body}");
        if (response.StatusCode != HttpStatusCode.OK)
        {
            using var problem = JsonDocument.Parse(body);
            Assert.True(problem.RootElement.TryGetProperty("detail", out _) || problem.RootElement.TryGetProperty("error", out _), body);
        }
    }

    private static HttpRequestMessage Classify(Random random)
    {
        byte[] file = Files[random.Next(Files.Length)];
        string type = random.Next(2) == 0 ? "image/png" : Types[random.Next(Types.Length)];
        byte[] body = type.StartsWith("multipart", StringComparison.Ordinal)
            ? [.. "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n"u8, .. file, .. "\r\n--x--\r\n"u8]
            : file;
        string query = random.Next(2) == 0 ? string.Empty : Queries[random.Next(Queries.Length)];
        return Request("/v1/classify" + query, random.Next(3) == 0 ? new MessageMutator(random).Mutate(body) : body, type);
    }

    private static HttpRequestMessage Infer(Random random)
    {
        byte[][] files = [.. Files.Take(random.Next(1, Files.Length + 1))];
        (byte[] body, int? header) = random.Next(2) == 0 ? (InferHttp.Json(files), default(int?)) : InferHttp.Binary(files);
        string path = random.Next(20) == 0 ? "/v2/models/al%2Fpha/infer" : random.Next(20) == 0 ? "/v2/models/alpha/versions/03/infer" : "/v2/models/alpha/infer";
        HttpRequestMessage request = Request(path, random.Next(3) > 0 ? new MessageMutator(random).Mutate(body) : body, "application/octet-stream");
        if (header is int length)
        {
            string[] lengths = ["-1", "0", "99999999999", "x", (length - 1).ToString(CultureInfo.InvariantCulture), (length + 1).ToString(CultureInfo.InvariantCulture)];
            request.Headers.Add(InferHttp.HeaderLength, random.Next(8) == 0 ? lengths[random.Next(lengths.Length)] : length.ToString(CultureInfo.InvariantCulture));
        }

        return request;
    }

    private static HttpRequestMessage Request(string path, byte[] body, string type)
    {
        var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = content };
    }
}
