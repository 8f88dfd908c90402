using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;

namespace LCNet.Server.Tests;

/// <summary>What a stranger would try before a call: floods and silence. The server goes on serving others meanwhile.</summary>
public sealed class ConnectionTests(ServerFixture fixture)
{
    private const int StreamsSetting = 3;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 20_000)]
    [InlineData(200, 10)]
    public async Task Http1_TooManyOrTooLargeHeaders_AreRefused(int count, int length)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/healthz", UriKind.Relative));
        for (int i = 0; i < count; i++)
        {
            request.Headers.Add($"x-{i}", new string('x', length));
        }

        using HttpResponseMessage response = await fixture.One.Http.SendAsync(request, Token);

        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, response.StatusCode);
    }

    [Theory]
    [InlineData(1, 16_300)]
    [InlineData(150, 10)]
    public async Task Http2_TooManyOrTooLargeHeaders_AreRefused(int count, int length)
    {
        using Http2Frames connection = await Http2Frames.ConnectAsync(fixture.One.GrpcAddress);
        byte[] block = Http2Frames.Call([.. Enumerable.Range(0, count).Select(i => ($"x-{i}", new string('x', length)))]);

        await connection.WriteAsync(Http2Frames.Headers, Http2Frames.EndOfHeaders, 1, block);

        // Told so by a status, or by the end of the connection.
        (byte Type, int Stream, byte[] Payload)? answer = await FirstAnswerAsync(connection);
        Assert.True(answer?.Type != Http2Frames.Headers || Encoding.ASCII.GetString(answer.Value.Payload).Contains("431", StringComparison.Ordinal));
        await fixture.One.ClassifyAsync(TestImages.Png(1));
    }

    [Theory]
    [InlineData(1, 16_384)]
    [InlineData(1, 20_000)]
    [InlineData(1, 32_000)]
    [InlineData(4, 6_000)]
    [InlineData(110, 10)]
    public async Task Http2_OneRequestWithTooManyOrTooLargeHeaders_IsRefusedAlone(int count, int length)
    {
        using Http2Frames connection = await Http2Frames.ConnectAsync(fixture.One.GrpcAddress);

        // Another caller's, behind the same proxy; its message is still to come.
        await connection.WriteAsync(Http2Frames.Headers, Http2Frames.EndOfHeaders, 1, Http2Frames.Call());
        byte[] block = Http2Frames.Call([.. Enumerable.Range(0, count).Select(i => ($"x-{i}", new string('x', length)))]);
        byte[][] parts = [.. block.Chunk(16_000)];
        for (int i = 0; i < parts.Length; i++)
        {
            await connection.WriteAsync(i == 0 ? Http2Frames.Headers : Http2Frames.Continuation, i == parts.Length - 1 ? Http2Frames.EndOfHeaders : (byte)0, 3, parts[i]);
        }

        (byte type, int stream, byte[] payload) = (await FirstAnswerAsync(connection))!.Value;
        Assert.Equal((Http2Frames.Headers, 3), (type, stream));
        Assert.Contains("431", Encoding.ASCII.GetString(payload), StringComparison.Ordinal);
        await connection.WriteAsync(Http2Frames.Data, Http2Frames.EndOfStream, 1, RawRequest.Frame(TestImages.Png(1).ToByteArray()));
        (byte Type, int Stream, byte[] Payload)? other;
        do
        {
            other = await FirstAnswerAsync(connection);
        }
        while (other?.Stream == 3);
        Assert.Equal((Http2Frames.Headers, 1), (other!.Value.Type, other.Value.Stream));
        Assert.Contains("application/grpc", Encoding.ASCII.GetString(other.Value.Payload), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_ProcessMayOpenFewFiles_AreFittedToThatAndItGoesOn()
    {
        const int Files = 1024;
        string[] launcher = ["sh", "-c", $"ulimit -n {Files} && exec \"$@\"", "sh"];
        using RunningServer server = await RunningServer.StartAsync(new ServerProgram(launcher, new Dictionary<string, string>(), TestServer.Arguments(fixture.OneModel)));
        Assert.Contains(server.Log, line => line.Contains("Each port takes 352 connections at most, not LCNet:MaxConnections, 1024: this process may open 1024 files", StringComparison.Ordinal));
        List<TcpClient> silent = [];
        try
        {
            for (int i = 0; i < 2 * Files; i++)
            {
                // From several addresses, each of which may have a few hundred.
                var client = new TcpClient(new IPEndPoint(IPAddress.Parse($"127.0.1.{1 + (i % 16)}"), 0));
                Uri port = i % 2 == 0 ? server.GrpcAddress : server.HttpAddress;
                silent.Add(client);
                try
                {
                    await client.ConnectAsync(new IPEndPoint(IPAddress.Parse(port.Host), port.Port), Token);
                }
                catch (SocketException exception) when (exception.SocketErrorCode == SocketError.ConnectionReset)
                {
                    // One too many: closed before it was open.
                }
            }
        }
        finally
        {
            silent.ForEach(client => client.Dispose());
        }

        // Their ends are noticed, and whoever comes then is served.
        LCNet.V1.ClassifyResponse? reply = await Eventually.GetAsync(
            async () =>
            {
                try
                {
                    return await server.ClassifyAsync(TestImages.Png(1));
                }
                catch (Grpc.Core.RpcException)
                {
                    return null;
                }
            },
            answer => answer is not null);
        Assert.NotNull(reply);
        server.Terminate();
        Assert.Equal(0, await server.WaitAsync());
    }

    [Fact]
    public async Task Http2_HeadersWithoutEnd_LoseTheConnection()
    {
        using Http2Frames connection = await Http2Frames.ConnectAsync(fixture.One.GrpcAddress);
        await connection.WriteAsync(Http2Frames.Headers, 0, 1, Http2Frames.Call());
        byte[] more = Http2Frames.Call([("x-more", new string('x', 8_000))])[^8_000..];
        try
        {
            for (int i = 0; i < 100_000; i++)
            {
                await connection.WriteAsync(Http2Frames.Continuation, 0, 1, [0, 3, .. "x-a"u8, 100, .. more.AsSpan(0, 100)]);
            }

            Assert.Fail("The server took it all.");
        }
        catch (IOException)
        {
            // Closed by the server.
        }

        await fixture.One.ClassifyAsync(TestImages.Png(1));
    }

    [Fact]
    public async Task Http2_MoreCallsThanAConnectionMayHave_AreRefused()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxStreamsPerConnection=2");
        using Http2Frames connection = await Http2Frames.ConnectAsync(server.GrpcAddress);
        byte[] settings = (await connection.ReadAsync(Http2Frames.Settings))!.Value.Payload;
        Assert.Equal(2, Enumerable.Range(0, settings.Length / 6)
            .Where(i => BinaryPrimitives.ReadInt16BigEndian(settings.AsSpan(i * 6)) == StreamsSetting)
            .Select(i => BinaryPrimitives.ReadInt32BigEndian(settings.AsSpan((i * 6) + 2)))
            .Single());

        // Calls whose request never comes.
        for (int stream = 1; stream <= 5; stream += 2)
        {
            await connection.WriteAsync(Http2Frames.Headers, Http2Frames.EndOfHeaders, stream, Http2Frames.Call());
        }

        Assert.Equal(5, (await connection.ReadAsync(Http2Frames.Reset))?.Stream);
        await server.ClassifyAsync(TestImages.Png(1));
    }

    [Fact]
    public async Task Connections_MoreThanAnAddressMayHave_AreClosedAndOthersServed()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxConnectionsPerAddress=3");
        using var metrics = new MetricCapture(server);
        List<TcpClient> sockets = [];
        try
        {
            for (int i = 0; i < 3; i++)
            {
                sockets.Add(await ConnectAsync(server.GrpcAddress));
            }

            await Eventually.GetAsync(
                async () =>
                {
                    try
                    {
                        using TcpClient oneMore = await ConnectAsync(server.GrpcAddress);
                        await ReadToEndAsync(oneMore);
                    }
                    catch (SocketException)
                    {
                        // Closed before it was open.
                    }

                    return metrics.Sum("lcnet.access.refusals{reason=connections}");
                },
                refused => refused > 0);
            Assert.NotEqual(0, metrics.Sum("lcnet.access.refusals{reason=connections}"));
            using var other = new LoopbackClient(server, "127.0.0.2");
            await other.Client.ClassifyAsync(TestImages.Png(1), deadline: TestServer.Deadline, cancellationToken: Token);

            // The ports do not share the count.
            Assert.Equal("Healthy", await server.Http.GetStringAsync(new Uri("/healthz", UriKind.Relative), Token));
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }

        // A closed connection makes room for another.
        await Eventually.GetAsync(() => server.StatusOfAsync(TestImages.Png(1)), status => status.StatusCode == Grpc.Core.StatusCode.OK);
        await server.ClassifyAsync(TestImages.Png(1));
    }

    [Fact]
    public async Task Connections_MoreThanThereMayBe_AreClosed()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxConnections=2");
        using TcpClient first = await ConnectAsync(server.GrpcAddress);
        using TcpClient second = await ConnectAsync(server.GrpcAddress);
        using TcpClient third = await ConnectAsync(server.GrpcAddress);

        await ReadToEndAsync(third);

        Assert.Equal("Healthy", await server.Http.GetStringAsync(new Uri("/healthz", UriKind.Relative), Token));
    }

    [Fact]
    public async Task Connection_SaysNothing_IsClosed()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "IdleTimeout=00:00:01");
        foreach (Uri port in (Uri[])[server.GrpcAddress, server.Http.BaseAddress!])
        {
            using TcpClient silent = await ConnectAsync(port);

            await ReadToEndAsync(silent);
        }
    }

    [Fact]
    public async Task Connection_HandshakeNeverComes_IsClosed()
    {
        using var files = new SecurityFiles();
        using var authority = new TestAuthority();
        using System.Security.Cryptography.X509Certificates.X509Certificate2 certificate = authority.Server();
        files.WriteTls(certificate);
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, [.. files.TlsSettings, "HeadersTimeout=00:00:01"]);
        using TcpClient silent = await ConnectAsync(server.GrpcAddress);

        await ReadToEndAsync(silent);
    }

    [Fact]
    public async Task Http1_HeadersThatNeverEnd_AreClosed()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "HeadersTimeout=00:00:01");
        using TcpClient slow = await ConnectAsync(server.Http.BaseAddress!);
        await slow.GetStream().WriteAsync("GET /healthz HTTP/1.1\r\nHost: localhost\r\n"u8.ToArray(), Token);

        string reply = await ReadToEndAsync(slow);

        Assert.StartsWith("HTTP/1.1 408", reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http1_BodyThatNeverComes_IsClosed()
    {
        using TcpClient slow = await ConnectAsync(fixture.One.Http.BaseAddress!);
        await slow.GetStream().WriteAsync("POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nx"u8.ToArray(), Token);

        string reply = await ReadToEndAsync(slow);

        Assert.StartsWith("HTTP/1.1 408", reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Http2_BodyThatNeverComes_LosesTheCall()
    {
        using Http2Frames slow = await Http2Frames.ConnectAsync(fixture.One.GrpcAddress);
        await slow.WriteAsync(Http2Frames.Headers, Http2Frames.EndOfHeaders, 1, Http2Frames.Call());
        await slow.WriteAsync(Http2Frames.Data, 0, 1, [0, 0, 0, 100]);

        Assert.NotEqual(Http2Frames.Headers, (await FirstAnswerAsync(slow))?.Type);
        await fixture.One.ClassifyAsync(TestImages.Png(1));
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/live/figures")]
    [InlineData("/")]
    [InlineData("/healthz")]
    public async Task GrpcPort_PathsOfManagement_AreNotThere(string path)
    {
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

        using HttpResponseMessage response = await client.GetAsync(new Uri(fixture.One.GrpcAddress, path), Token);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task HttpPort_AtAnAddressOfItsOwn_IsThereAlone()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "HttpBindAddress=127.0.0.3");
        int port = server.Http.BaseAddress!.Port;

        Assert.Equal("127.0.0.3", server.Http.BaseAddress.Host);
        Assert.Equal("Healthy", await server.Http.GetStringAsync(new Uri("/healthz", UriKind.Relative), Token));
        await Assert.ThrowsAsync<SocketException>(() => ConnectAsync(new Uri($"http://127.0.0.1:{port}")));
        await server.ClassifyAsync(TestImages.Png(1));
    }

    [Theory]
    [InlineData("/live/../appsettings.json")]
    [InlineData("/live/%2e%2e/appsettings.json")]
    [InlineData("/live/..%2fappsettings.json")]
    [InlineData("/live//etc/passwd")]
    [InlineData("/models/alpha/3/bundle.json")]
    [InlineData("/appsettings.json")]
    public async Task HttpPort_PathsToFiles_LeadNowhere(string path)
    {
        using TcpClient client = await ConnectAsync(fixture.One.Http.BaseAddress!);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), Token);

        Assert.StartsWith("HTTP/1.1 404", await ReadToEndAsync(client), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../alpha", "")]
    [InlineData("/etc/passwd", "")]
    [InlineData("alpha", "../3")]
    [InlineData("alpha", "/3")]
    [InlineData("alpha\0", "")]
    public async Task Classify_NameThatIsAPath_IsNoModel(string model, string version)
    {
        LCNet.V1.ClassifyRequest request = TestImages.Png(1);
        request.Model = model;
        request.Version = version;

        Assert.Equal(Grpc.Core.StatusCode.NotFound, (await fixture.One.StatusOfAsync(request)).StatusCode);
    }

    // What the server says to a call: not its settings, nor its acknowledgement of the caller's.
    private static async Task<(byte Type, int Stream, byte[] Payload)?> FirstAnswerAsync(Http2Frames connection)
    {
        while (await connection.ReadAsync() is { } frame)
        {
            if (frame.Type is Http2Frames.Headers or Http2Frames.Reset or Http2Frames.GoAway)
            {
                return frame;
            }
        }

        return null;
    }

    private static async Task<TcpClient> ConnectAsync(Uri server)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(new IPEndPoint(IPAddress.Parse(server.Host), server.Port), Token);
        return client;
    }

    // The server's side decides when that is; the test's own limit is the runner's.
    private static async Task<string> ReadToEndAsync(TcpClient client)
    {
        using var text = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(text, Token);
        }
        catch (IOException)
        {
            // Closed without a word.
        }

        return Encoding.ASCII.GetString(text.ToArray());
    }
}
