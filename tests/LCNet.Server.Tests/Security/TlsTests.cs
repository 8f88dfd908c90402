using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using LCNet.Server.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>TLS and clients' certificates, against the real server over real connections.</summary>
public sealed class TlsTests(ServerFixture fixture) : IDisposable
{
    private readonly SecurityFiles _files = new();
    private readonly TestAuthority _authority = new();
    private readonly LogLines _log = new();

    public void Dispose()
    {
        _authority.Dispose();
        _files.Dispose();
    }

    [Fact]
    public async Task Tls_ClientThatTrustsTheAuthority_IsServedOnBothPorts()
    {
        await using TestServer server = await StartAsync(_files.TlsSettings);
        using var caller = new Somebody(server, authority: _authority);

        Assert.Equal(StatusCode.OK, (await caller.StatusAsync()).StatusCode);
        Assert.Equal(HttpStatusCode.OK, await caller.GetAsync("/readyz"));
        Assert.Equal(HttpStatusCode.OK, await caller.GetAsync("/metrics"));
    }

    [Fact]
    public async Task Tls_ClientWithoutTls_IsServedOnNeitherPort()
    {
        await using TestServer server = await StartAsync(_files.TlsSettings);
        using var caller = new Somebody(server);

        // The client's own word, for its connection: the server gave no status. Which of the two it is depends on whether it reads TLS's alert, which is no HTTP/2, or the end first.
        Status status = await caller.StatusAsync();
        Assert.Contains(status.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal });
        Assert.IsType<HttpRequestException>(status.DebugException);
        await Assert.ThrowsAsync<HttpRequestException>(() => caller.GetAsync("/readyz"));
    }

    [Fact]
    public async Task MutualTls_GoodCertificate_IsServedOnBothPorts()
    {
        await using TestServer server = await StartAsync(_files.MutualTlsSettings);
        using X509Certificate2 certificate = _authority.Client();
        using var caller = new Somebody(server, authority: _authority, certificate: certificate);

        Assert.Equal(StatusCode.OK, (await caller.StatusAsync()).StatusCode);
        Assert.Equal(HttpStatusCode.OK, await caller.GetAsync("/metrics"));
        Assert.Equal(HttpStatusCode.OK, (await InferHttp.SendAsync(caller.Http, InferHttp.Json(TestImages.Encode(SkiaSharp.SKEncodedImageFormat.Png, 1)))).Status);
    }

    [Fact]
    public async Task MutualTls_NoCertificate_IsRefusedCountedAndLogged()
    {
        await using TestServer server = await StartAsync(_files.MutualTlsSettings);
        using var metrics = new MetricCapture(server);
        using var stranger = new Somebody(server, authority: _authority);

        AssertNoConnection(await stranger.StatusAsync());
        Assert.Matches(@"127\.0\.0\.1:\d+ was refused: no client certificate", (await RefusalsAsync())[0]);
        Assert.NotEqual(0, metrics.Sum("lcnet.access.refusals{reason=no_certificate}"));

        // Supervisors have none.
        Assert.Equal(HttpStatusCode.OK, await stranger.GetAsync("/healthz"));
        Assert.Equal(HttpStatusCode.OK, await stranger.GetAsync("/readyz"));
        Assert.Equal(HttpStatusCode.Forbidden, await stranger.GetAsync("/metrics"));
        Assert.Equal(HttpStatusCode.Forbidden, await stranger.GetAsync("/live/figures"));
        Assert.Equal(HttpStatusCode.OK, await stranger.GetAsync("/v2/health/ready"));
        Assert.Equal(HttpStatusCode.Forbidden, await stranger.GetAsync("/v2/models/alpha"));
        InferHttpReply refused = await InferHttp.SendAsync(stranger.Http, InferHttp.Json(TestImages.Encode(SkiaSharp.SKEncodedImageFormat.Png, 1)));
        Assert.Equal((HttpStatusCode.Forbidden, "a client certificate is needed"), (refused.Status, refused.Error));
    }

    [Fact]
    public async Task MutualTls_ExpiredCertificate_IsRefusedCountedAndLogged()
    {
        using X509Certificate2 certificate = _authority.Client("late", firstDay: -3, lastDay: -1);

        await AssertRefusedAsync(certificate, "CN=late: NotTimeValid");
    }

    [Fact]
    public async Task MutualTls_CertificateNotYetValid_IsRefused()
    {
        using X509Certificate2 certificate = _authority.Client("early", firstDay: 1, lastDay: 3);

        await AssertRefusedAsync(certificate, "CN=early: NotTimeValid");
    }

    [Fact]
    public async Task MutualTls_CertificateOfAnotherAuthority_IsRefused()
    {
        using var other = new TestAuthority();
        using X509Certificate2 certificate = other.Client();

        await AssertRefusedAsync(certificate, "CN=client");
    }

    [Fact]
    public async Task MutualTls_CertificateForServersOnly_IsRefused()
    {
        using X509Certificate2 certificate = _authority.Server();

        await AssertRefusedAsync(certificate, "NotValidForUsage");
    }

    [Fact]
    public async Task MutualTls_CertificateWithLineBreaksInItsName_IsLoggedOnOneLine()
    {
        using var other = new TestAuthority();
        using X509Certificate2 certificate = other.Client("\"a\nServing everything\"");

        string line = await AssertRefusedAsync(certificate, "Serving everything");

        Assert.DoesNotContain('\n', line);
    }

    [Fact]
    public async Task MutualTls_CertificateExpiresDuringTheConnection_IsRefusedFromThenOn()
    {
        var clock = new MovedClock();
        await using TestServer server = await StartAsync(_files.MutualTlsSettings, services => services.AddSingleton<TimeProvider>(clock));
        using X509Certificate2 certificate = _authority.Client();
        using var caller = new Somebody(server, authority: _authority, certificate: certificate);
        await caller.ClassifyAsync();

        clock.Ahead = TimeSpan.FromDays(2);

        Status status = await caller.StatusAsync();
        Assert.Equal((StatusCode.Unauthenticated, "the client certificate has expired"), (status.StatusCode, status.Detail));
    }

    [Fact]
    public async Task MutualTlsWithKeys_OneOfTheTwo_IsNotEnough()
    {
        string key = SecurityFiles.NewKey();
        _files.WriteKeys(SecurityFiles.Entry("team-a", key));
        await using TestServer server = await StartAsync([.. _files.MutualTlsSettings, .. _files.KeySettings]);
        using X509Certificate2 certificate = _authority.Client();
        using var both = new Somebody(server, key, _authority, certificate);
        using var noKey = new Somebody(server, null, _authority, certificate);
        using var noCertificate = new Somebody(server, key, _authority);

        Assert.Equal(StatusCode.OK, (await both.StatusAsync()).StatusCode);
        Assert.Equal(StatusCode.Unauthenticated, (await noKey.StatusAsync()).StatusCode);
        AssertNoConnection(await noCertificate.StatusAsync());
    }

    [Fact]
    public async Task Certificate_Changes_IsForNewConnectionsAndDisturbsNoOldOnes()
    {
        await using TestServer server = await StartAsync(_files.TlsSettings);
        using var old = new Somebody(server, authority: _authority);
        await old.ClassifyAsync();
        Assert.Equal("CN=server", old.Presented);
        using X509Certificate2 renewed = _authority.Server("renewed");
        _files.WriteTls(renewed);

        string? presented = await Eventually.GetAsync(
            async () =>
            {
                using var latest = new Somebody(server, authority: _authority);
                await latest.ClassifyAsync();
                return latest.Presented;
            },
            subject => subject == "CN=renewed");

        Assert.Equal("CN=renewed", presented);
        await old.ClassifyAsync();
        Assert.Equal("CN=server", old.Presented);
    }

    [Fact]
    public async Task Certificate_ChangesToAnExpiredOne_IsRefusedAndTheOldOneKept()
    {
        await using TestServer server = await StartAsync(_files.TlsSettings);
        using X509Certificate2 expired = _authority.Server("expired", firstDay: -3, lastDay: -1);
        _files.WriteTls(expired);

        await Eventually.GetAsync(() => Task.FromResult(_log.Of("FileRefused")), lines => lines.Any(line => line.Contains("is valid from", StringComparison.Ordinal)));

        Assert.Contains(_log.Of("FileRefused"), line => line.Contains("LCNet:TlsCertificate", StringComparison.Ordinal) && line.Contains("is valid from", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.All, line => line.Contains("PRIVATE KEY", StringComparison.Ordinal));
        using var caller = new Somebody(server, authority: _authority);
        await caller.ClassifyAsync();
        Assert.Equal("CN=server", caller.Presented);
        server.Errors.Clear();
    }

    [Fact]
    public async Task Certificate_RefusedOnceAndGoodLater_IsTakenWithoutAnotherChange()
    {
        // By this server's clock, which is late, the new certificate's time has not come.
        var clock = new MovedClock();
        await using TestServer server = await StartAsync(_files.TlsSettings, services => services.AddSingleton<TimeProvider>(clock));
        using X509Certificate2 early = _authority.Server("early", firstDay: 0, lastDay: 2);
        clock.Ahead = TimeSpan.FromHours(-1);
        _files.WriteTls(early);
        await Eventually.GetAsync(() => Task.FromResult(_log.Of("FileRefused")), lines => lines.Any(line => line.Contains("is valid from", StringComparison.Ordinal)));
        clock.Ahead = TimeSpan.Zero;

        string[] reloaded = await Eventually.GetAsync(() => Task.FromResult(_log.Of("FileReloaded")), lines => lines.Length > 0);

        Assert.Contains("LCNet:TlsCertificate", Assert.Single(reloaded), StringComparison.Ordinal);
        Assert.Single(_log.Of("FileRefused"), line => line.Contains("is valid from", StringComparison.Ordinal));
        using var caller = new Somebody(server, authority: _authority);
        await caller.ClassifyAsync();
        Assert.Equal("CN=early", caller.Presented);
        server.Errors.Clear();
    }

    [Fact]
    public async Task ClientCa_Changes_IsForNewConnections()
    {
        await using TestServer server = await StartAsync(_files.MutualTlsSettings);
        using var other = new TestAuthority("other");
        using X509Certificate2 mine = _authority.Client();
        using X509Certificate2 theirs = other.Client();
        _files.WriteClientCa(other);

        Status status = await Eventually.GetAsync(() => NewConnectionAsync(server, theirs), status => status.StatusCode == StatusCode.OK);

        Assert.Equal(StatusCode.OK, status.StatusCode);
        AssertNoConnection(await NewConnectionAsync(server, mine));
    }

    [Theory]
    [InlineData("expired", "is valid from")]
    [InlineData("other key", "are no certificate and its unencrypted key")]
    [InlineData("no certificate", "are no certificate and its unencrypted key")]
    [InlineData("no file", "tls.key")]
    public async Task Start_UnusableCertificate_IsRefusedNamingTheSetting(string fault, string problem)
    {
        using X509Certificate2 good = _authority.Server();
        using X509Certificate2 bad = fault == "expired" ? _authority.Server(firstDay: -3, lastDay: -1) : _authority.Server();
        _files.WriteTls(fault == "expired" ? bad : good);
        switch (fault)
        {
            case "other key":
                SecurityFiles.Replace(_files.Key, bad.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
                break;
            case "no certificate":
                SecurityFiles.Replace(_files.Certificate, "nothing");
                break;
            case "no file":
                File.Delete(_files.Key);
                break;
        }

        using var program = new ServerProgram([.. TestServer.Arguments(fixture.OneModel), .. _files.TlsSettings.Select(setting => $"--LCNet:{setting}")]);
        (int code, _, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Contains("LCNet:TlsCertificate", Assert.Single(errors), StringComparison.Ordinal);
        Assert.Contains(problem, errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Healthcheck_ServerWithMutualTls_IsFound()
    {
        await using TestServer server = await StartAsync(_files.MutualTlsSettings);
        int port = server.App.Services.GetRequiredService<ServerEndpoints>().Http.Port;
        using var program = new ServerProgram(["--healthcheck", $"--LCNet:HttpPort={port}", .. _files.MutualTlsSettings.Select(setting => $"--LCNet:{setting}")]);

        (int code, _, string[] errors) = await program.WaitAsync();

        Assert.Empty(errors);
        Assert.Equal(0, code);
    }

    // With TLS 1.3 a client may have sent its call before it learns that the connection is refused; gRPC's clients have two words for that.
    private static void AssertNoConnection(Status status) => Assert.Contains(status.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal });

    private async Task<string> AssertRefusedAsync(X509Certificate2 certificate, string part)
    {
        await using TestServer server = await StartAsync(_files.MutualTlsSettings);
        using var metrics = new MetricCapture(server);
        using var stranger = new Somebody(server, authority: _authority, certificate: certificate);

        AssertNoConnection(await stranger.StatusAsync());
        string line = (await RefusalsAsync())[0];
        Assert.Contains(part, line, StringComparison.Ordinal);
        Assert.Matches(@"127\.0\.0\.1:\d+ was refused: client certificate", line);
        Assert.NotEqual(0, metrics.Sum("lcnet.access.refusals{reason=wrong_certificate}"));

        // Nor is it good enough where none is needed.
        await Assert.ThrowsAsync<HttpRequestException>(() => stranger.GetAsync("/healthz"));
        return line;
    }

    // With TLS 1.3 a client may learn of it first.
    private Task<string[]> RefusalsAsync() => Eventually.GetAsync(() => Task.FromResult(_log.Of("AccessRefused")), lines => lines.Length > 0);

    private async Task<Status> NewConnectionAsync(TestServer server, X509Certificate2 certificate)
    {
        using var caller = new Somebody(server, authority: _authority, certificate: certificate);
        return await caller.StatusAsync();
    }

    private async Task<TestServer> StartAsync(string[] settings, Action<IServiceCollection>? configure = null)
    {
        using X509Certificate2 certificate = _authority.Server();
        _files.WriteTls(certificate);
        _files.WriteClientCa(_authority);
        return await TestServer.StartAsync(
            fixture.OneModel,
            services =>
            {
                services.AddSingleton<ILoggerProvider>(_log);
                configure?.Invoke(services);
            },
            [.. settings, "LogLevel=Trace"]);
    }

    private sealed class MovedClock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
    }
}
