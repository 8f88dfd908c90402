using System.Net;
using System.Text.Json.Nodes;
using Grpc.Core;
using LCNet.Bundles;

namespace LCNet.Server.Tests;

/// <summary>Loading and unloading by call.</summary>
public sealed class ModelCallTests(ServerFixture fixture) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Calls_LoadAndUnload_DoAsTheyAreTold()
    {
        string models = _folder.FullName;
        TestBundle.Copy(fixture.Bundle, models, 1);
        await using TestServer server = await TestServer.StartAsync(models, "ModelControl=Explicit");
        Assert.Equal("""[{"name":"alpha","version":"1","state":"READY","reason":""}]""", (await PostAsync(server, "index")).Body);

        Bundle second = TestBundle.Copy(fixture.Bundle, models, 2);
        Assert.Equal("alpha 1", await ModelPollTests.ListAsync(server));
        const string First = """{"name":"alpha","version":"1","state":"READY","reason":""}""";
        Assert.Equal($$"""[{{First}},{"name":"alpha","version":"2","state":"UNAVAILABLE","reason":"not loaded"}]""", (await PostAsync(server, "index")).Body);
        Assert.Equal($"[{First}]", (await PostAsync(server, "index", """{"ready": true}""")).Body);
        Assert.Equal((HttpStatusCode.OK, string.Empty), await PostAsync(server, "models/alpha/load"));
        Assert.Equal("alpha 1, alpha 2", await ModelPollTests.ListAsync(server));

        // A bad version: the good ones stay, and it is tried again whenever somebody asks.
        Bundle third = TestBundle.Copy(fixture.Bundle, models, 3);
        File.Delete(third.PathOf("head.onnx"));
        (HttpStatusCode status, string body) = await PostAsync(server, "models/alpha/load");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("head.onnx is missing", JsonNode.Parse(body)!["error"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Contains("\"version\":\"3\",\"state\":\"UNAVAILABLE\",\"reason\":\"", (await PostAsync(server, "index")).Body, StringComparison.Ordinal);
        Assert.Equal("2", (await server.ClassifyAsync(TestImages.Png(1))).Version);
        TestBundle.CopyFiles(second, third.Folder, file => file == "head.onnx");
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server, "models/alpha/load")).Status);
        Assert.Equal("3", (await server.ClassifyAsync(TestImages.Png(1))).Version);

        Assert.Equal((HttpStatusCode.OK, string.Empty), await PostAsync(server, "models/alpha/unload", """{"parameters": {"unload_dependents": true}}"""));
        Assert.Equal(string.Empty, await ModelPollTests.ListAsync(server));
        Assert.Equal(
            string.Join(',', Enumerable.Range(1, 3).Select(version => $$"""{"name":"alpha","version":"{{version}}","state":"UNAVAILABLE","reason":"unloaded"}""")),
            (await PostAsync(server, "index")).Body.Trim('[', ']'));
        Assert.Equal("[]", (await PostAsync(server, "index", """{"ready": true}""")).Body);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ModelPollTests.ReadyAsync(server));
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync(server, "models/alpha/unload")).Status);
        Assert.Equal(HttpStatusCode.OK, (await PostAsync(server, "models/alpha/load")).Status);
        Assert.Equal(StatusCode.OK, (await server.StatusOfAsync(TestImages.Png(1))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await PostAsync(server, "models/gamma/load")).Status);
        server.Errors.Clear();
    }

    [Theory]
    [InlineData("load", """{"parameters": {"config": "{}"}}""", "parameters: 'config' is not taken")]
    [InlineData("load", """{"parameters": {"file:1/model.onnx": "AAAA"}}""", "parameters: 'file:1/model.onnx' is not taken")]
    [InlineData("unload", """{"parameters": {"unload_dependents": true, "force": true}}""", "parameters: 'force' is not taken")]
    [InlineData("load", """{"ready": 1}""", "'ready' is not taken, or not of this form")]
    [InlineData("load", """{"config": "{}"}""", "'config' is not taken")]
    [InlineData("load", "[]", "not a JSON object")]
    [InlineData("load", "{", "not a JSON object")]
    public async Task Calls_WithWhatWouldBeIgnored_AreRefused(string call, string body, string problem)
    {
        TestBundle.Copy(fixture.Bundle, _folder.FullName, 1);
        await using TestServer server = await TestServer.StartAsync(_folder.FullName, "ModelControl=Explicit");

        (HttpStatusCode status, string reply) = await PostAsync(server, $"models/alpha/{call}", body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(problem, JsonNode.Parse(reply)!["error"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("alpha 1", await ModelPollTests.ListAsync(server));
    }

    [Fact]
    public async Task Calls_WithAFileOfALargeModel_AreRefused()
    {
        TestBundle.Copy(fixture.Bundle, _folder.FullName, 1);
        await using TestServer server = await TestServer.StartAsync(_folder.FullName, "ModelControl=Explicit");

        (HttpStatusCode status, string reply) = await PostAsync(server, "models/alpha/load", $$$"""{"parameters": {"file:1/model.onnx": "{{{new string('A', 100_000)}}}"}}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("its files cannot be sent", reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calls_FromAPageOfAnotherServer_AreRefused()
    {
        TestBundle.Copy(fixture.Bundle, _folder.FullName, 1);
        await using TestServer server = await TestServer.StartAsync(_folder.FullName, "ModelControl=Explicit");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/v2/repository/models/alpha/unload", UriKind.Relative));
        request.Headers.Add("Sec-Fetch-Site", "cross-site");
        using HttpResponseMessage reply = await server.Http.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.Forbidden, reply.StatusCode);
        Assert.Equal("alpha 1", await ModelPollTests.ListAsync(server));
    }

    [Fact]
    public async Task Calls_OnTheGrpcPort_AreNotThere()
    {
        TestBundle.Copy(fixture.Bundle, _folder.FullName, 1);
        await using TestServer server = await TestServer.StartAsync(_folder.FullName, "ModelControl=Explicit");
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.GrpcAddress, "/v2/repository/models/alpha/unload"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using HttpResponseMessage reply = await client.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
        Assert.Equal("alpha 1", await ModelPollTests.ListAsync(server));
    }

    [Theory]
    [InlineData("index")]
    [InlineData("models/alpha/unload")]
    public async Task Calls_NotExplicit_AreNotThere(string call) => Assert.Equal(HttpStatusCode.NotFound, (await PostAsync(fixture.One, call)).Status);

    public void Dispose() => _folder.Dispose();

    private static async Task<(HttpStatusCode Status, string Body)> PostAsync(TestServer server, string call, string? body = null)
    {
        using StringContent? content = body is null ? null : new StringContent(body);
        using HttpResponseMessage reply = await server.Http.PostAsync(new Uri($"/v2/repository/{call}", UriKind.Relative), content, Token);
        return (reply.StatusCode, await reply.Content.ReadAsStringAsync(Token));
    }
}
