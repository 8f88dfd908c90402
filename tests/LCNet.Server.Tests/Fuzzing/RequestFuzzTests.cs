using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using CsCheck;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>
/// Requests that were changed at random: each gets a status that says what is wrong with it, in time, and the server goes on. How many is up to
/// <c>LCNET_FUZZ_REQUESTS</c>.
/// </summary>
public sealed class RequestFuzzTests(ServerFixture servers, ITestOutputHelper output)
{
    private const int Few = 3000;
    private const long MemoryLimit = 512L * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // UNKNOWN and INTERNAL are nobody's fault but the server's.
    private static readonly string[] Allowed = ["0", "1", "3", "4", "5", "8", "12"];

    private readonly ConcurrentDictionary<string, int> _statuses = new();

    [Fact]
    public async Task AnyCall_ChangedAtRandom_EndsWithAStatusOfItsOwn()
    {
        await using TestServer server = await TestServer.StartAsync(servers.OneModel);
        using HttpClient client = Client();
        await RunAsync(client, server.GrpcAddress, 500);
        long before = Environment.WorkingSet;

        await RunAsync(client, server.GrpcAddress, Requests);

        output.WriteLine(string.Join(", ", _statuses.OrderBy(status => status.Key).Select(status => $"status {status.Key}: {status.Value}")));
        Assert.InRange(_statuses["0"] / (double)_statuses.Values.Sum(), 0.2, 0.6);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, MemoryLimit);
        ClassifyResponse reply = await server.ClassifyAsync(TestImages.Png(7));
        Assert.Equal(await servers.One.ClassifyAsync(TestImages.Png(7)), reply, (one, other) => one!.Predictions.Equals(other!.Predictions));
    }

    private static int Requests => int.TryParse(Environment.GetEnvironmentVariable("LCNET_FUZZ_REQUESTS"), CultureInfo.InvariantCulture, out int count) ? count : Few;

    private Task RunAsync(HttpClient client, Uri address, int requests) =>
        Gen.Int.SampleAsync(seed => SendAsync(client, address, FuzzedRequest.Make(seed)), iter: requests, threads: 8);

    private static HttpClient Client() => new(new SocketsHttpHandler { EnableMultipleHttp2Connections = true }) { Timeout = Patience };

    private async Task SendAsync(HttpClient client, Uri address, FuzzedRequest fuzzed)
    {
        using var body = new ByteArrayContent(fuzzed.Body);
        (HttpStatusCode http, string? status, string? message) = await RawRequest.SendAsync(client, new Uri(address, fuzzed.Path), body, fuzzed.Headers, CancellationToken.None);
        _statuses.AddOrUpdate(status ?? "none", 1, (_, count) => count + 1);
        Assert.True(http == HttpStatusCode.OK && Allowed.Contains(status), $"{fuzzed.Path}: HTTP {(int)http}, status {status}: {message}");
    }
}
