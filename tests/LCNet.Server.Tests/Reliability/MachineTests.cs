using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.Bundles;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>Machines that are not what a server would wish for: a full disk, files that may not be read, a clock that is put right.</summary>
public sealed class MachineTests(ServerFixture fixture) : IDisposable
{
    private const string FullDisk = "/dev/full";
    private const string ClockLibrary = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    private static readonly string[] Polling = ["--LCNet:ModelControl=Poll", "--LCNet:ModelPollInterval=00:00:00.1"];

    private readonly TemporaryFolder _folder = new();

    private string Models => Path.Combine(_folder.FullName, "models");

    [Fact]
    public async Task Log_DiskIsFull_ServesNonetheless()
    {
        Assert.SkipUnless(File.Exists(FullDisk), $"there is no {FullDisk} here");
        int port = FreePort();
        string[] arguments = [.. TestServer.Arguments(fixture.OneModel), $"--LCNet:GrpcPort={port}", "--LCNet:LogLevel=Debug"];
        using var program = new ServerProgram(["sh", "-c", $"exec \"$@\" > {FullDisk}", "sh"], new Dictionary<string, string>(), arguments);
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        var client = new Classifier.ClassifierClient(channel);
        async Task<string?> ModelAsync()
        {
            try
            {
                return (await client.ClassifyAsync(TestImages.Png(1), deadline: TestServer.Deadline, cancellationToken: TestContext.Current.CancellationToken)).Model;
            }
            catch (RpcException exception) when (exception.StatusCode == StatusCode.Unavailable)
            {
                return null;
            }
        }

        Assert.Equal(ServerFixture.Model, await Eventually.GetAsync(ModelAsync, model => model is not null));
        program.Terminate();
        Assert.Equal(0, await program.WaitForExitAsync());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Poll_FilesThatMayNotBeRead_AreNamedAndLoadedOnceTheyMay()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes");

        string[] launcher = WithoutRights();
        TestBundle.Copy(fixture.Bundle, Models, 1);
        using RunningServer server = await RunningServer.StartAsync(
            new ServerProgram(launcher, new Dictionary<string, string>(), [.. TestServer.Arguments(Models), .. Polling]));
        Bundle hidden = TestBundle.Copy(fixture.Bundle, Path.Combine(_folder.FullName, "made"), 2);
        File.SetUnixFileMode(hidden.PathOf("head.onnx"), UnixFileMode.None);
        Directory.Move(hidden.Folder, Path.Combine(Models, ServerFixture.Model, "2"));
        string head = Path.Combine(Models, ServerFixture.Model, "2", "head.onnx");

        string? refusal = await Eventually.GetAsync(() => Task.FromResult(server.Log.FirstOrDefault(line => line.Contains("head.onnx", StringComparison.Ordinal))), line => line is not null);
        Assert.Contains("denied", refusal, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("1", (await server.ClassifyAsync(TestImages.Png(1))).Version);

        File.SetUnixFileMode(head, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal("2", await Eventually.GetAsync(async () => (await server.ClassifyAsync(TestImages.Png(1))).Version, version => version == "2"));
    }

    [Theory]
    [InlineData("None")]
    [InlineData("Poll")]
    [UnsupportedOSPlatform("windows")]
    public async Task Start_FolderBesideTheModelsThatMayNotBeRead_IsNamedAndCostsNothingElse(string control)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes");
        TestBundle.Copy(fixture.Bundle, Models, 1);

        // As ext4 has it on every volume.
        string lost = Directory.CreateDirectory(Path.Combine(Models, "lost+found")).FullName;
        File.SetUnixFileMode(lost, UnixFileMode.None);
        try
        {
            using RunningServer server = await RunningServer.StartAsync(new ServerProgram(
                WithoutRights(), new Dictionary<string, string>(), [.. TestServer.Arguments(Models), $"--LCNet:ModelControl={control}", "--LCNet:ModelPollInterval=00:00:00.1"]));
            Assert.Equal("1", (await server.ClassifyAsync(TestImages.Png(1))).Version);
            if (control == "Poll")
            {
                TestBundle.Copy(fixture.Bundle, Models, 2);
                Assert.Equal("2", await Eventually.GetAsync(async () => (await server.ClassifyAsync(TestImages.Png(1))).Version, version => version == "2"));
            }

            Assert.Contains("lost+found", Assert.Single(server.Log, line => line.Contains(" ERR ", StringComparison.Ordinal)), StringComparison.Ordinal);
        }
        finally
        {
            File.SetUnixFileMode(lost, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Poll_ServedModelsFolderMayNotBeReadForAWhile_GoesOnServingItAndLoadsOthers()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no file modes");
        TestBundle.Copy(fixture.Bundle, Models, 1);
        using RunningServer server = await RunningServer.StartAsync(new ServerProgram(WithoutRights(), new Dictionary<string, string>(), [.. TestServer.Arguments(Models), .. Polling]));
        string alpha = Path.Combine(Models, ServerFixture.Model);
        File.SetUnixFileMode(alpha, UnixFileMode.None);
        try
        {
            TestBundle.Copy(TestBundle.Write(Path.Combine(_folder.FullName, "made"), ServerFixture.OtherModel, 1, seed: 4), Models, 1);
            async Task<int> CountAsync() => (await server.Client.ListModelsAsync(new ListModelsRequest(), deadline: TestServer.Deadline)).Models.Count;
            Assert.Equal(2, await Eventually.GetAsync(CountAsync, count => count == 2));
            ClassifyRequest request = TestImages.Png(1);
            request.Model = ServerFixture.Model;
            Assert.Equal("1", (await server.ClassifyAsync(request)).Version);
            Assert.Contains(server.Log, line => line.Contains(" ERR ", StringComparison.Ordinal) && line.Contains(alpha, StringComparison.Ordinal));
        }
        finally
        {
            File.SetUnixFileMode(alpha, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public async Task Clock_JumpsUnderLoad_NobodyNotices()
    {
        Assert.SkipUnless(File.Exists(ClockLibrary), "libfaketime is not installed; the Debian package faketime has it.");
        string clock = Path.Combine(_folder.FullName, "clock");
        await SetAsync(clock, "+0s");
        var environment = new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = ClockLibrary,
            ["FAKETIME_TIMESTAMP_FILE"] = clock,
            ["FAKETIME_NO_CACHE"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
        };
        Answers answers = Answers.Of(fixture.Bundle, Traffic.Images);
        using RunningServer server = await RunningServer.StartAsync(fixture.OneModel, environment, "--LCNet:MaxQueue=100000");
        using var traffic = new Traffic(server.GrpcAddress, fixture.Bundle.Manifest.Input, _ => answers);
        foreach (int hours in new[] { 0, 5, -7, 0, 24 * 400, 0 })
        {
            await SetAsync(clock, string.Create(CultureInfo.InvariantCulture, $"{hours:+0;-0;+0}h"));
            await traffic.MoreAsync(50);

            DateTimeOffset told = await Eventually.GetAsync(() => ToldAsync(server), time => IsAhead(time, hours));
            Assert.True(IsAhead(told, hours), $"the server takes it for {told:u}, {hours} hours from now");
            await traffic.MoreAsync(50);
        }

        await traffic.StopAsync();
        Assert.Empty(traffic.Failures);
        Assert.Empty(traffic.Wrong);
    }

    public void Dispose() => _folder.Dispose();

    // Root may read everything, unless it gives that up.
    private static string[] WithoutRights()
    {
        string[] launcher = Environment.IsPrivilegedProcess
            ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
            : [];
        Assert.SkipUnless(launcher.Length == 0 || Tool.IsInstalled(launcher[0]), "setpriv is not installed; the Debian package util-linux has it.");
        return launcher;
    }

    private static bool IsAhead(DateTimeOffset time, int hours) => Math.Abs((time - DateTimeOffset.UtcNow).TotalHours - hours) < 0.5;

    // What the server takes for the time, from the head of a reply.
    private static async Task<DateTimeOffset> ToldAsync(RunningServer server)
    {
        using HttpResponseMessage reply = await server.Http.GetAsync(new Uri("readyz", UriKind.Relative), TestContext.Current.CancellationToken);
        return reply.Headers.Date!.Value;
    }

    private static async Task SetAsync(string clock, string shift)
    {
        await File.WriteAllTextAsync(clock + ".new", shift, TestContext.Current.CancellationToken);
        File.Move(clock + ".new", clock, overwrite: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
