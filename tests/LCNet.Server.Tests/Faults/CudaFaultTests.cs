using Grpc.Core;
using LCNet.Tests;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>
/// What goes wrong on a GPU, over <see cref="StandIns"/> that fail where they are told to: a fault of the device in words of its own, never one of the bundle, and an answer where the server may fall back to the CPU.
/// </summary>
public sealed class CudaFaultTests(ServerFixture fixture)
{
    public static TheoryData<string, string, string, string> Faults => new()
    {
        { "cuda:3", "FAKE_CUDA_DEVICES", "2", "cuda:3 cannot be used: " },
        { "cuda", "FAKE_MEMORY", "1000", " out of memory: " },
        { "cuda", "FAKE_MEMORY", "1000000", " out of memory: " },
        { "cuda", "FAKE_FAIL_AFTER_SYNCS", "1", "an illegal memory access was encountered" },
        { "cuda", "FAKE_FAIL_AFTER_SYNCS", "40", "an illegal memory access was encountered" },
        { "cuda", "LD_LIBRARY_PATH", "without cuDNN", "cuda:0 cannot be used: there is no cuDNN 9" },
        { "cuda", "LD_LIBRARY_PATH", "", "cuda:0 cannot be used: there is no CUDA runtime 13" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Load_DeviceThatFails_IsSaidAndIsNoFaultOfTheBundle(string device, string variable, string value, string words)
    {
        using ServerProgram program = Start(device, variable, value, fallback: false);
        var output = new List<string>();
        while (await program.ReadLineAsync() is { } line)
        {
            Assert.DoesNotContain("Serving", line, StringComparison.Ordinal);
            output.Add(line);
        }

        (int code, _, string[] errors) = await program.WaitAsync();
        Assert.NotEqual(0, code);
        string said = string.Join('\n', output.Concat(errors));
        Assert.Contains(words, said, StringComparison.Ordinal);
        Assert.DoesNotContain("is refused", said, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Load_DeviceThatFailsWithFallback_AnswersOnTheCpu(string device, string variable, string value, string words)
    {
        using RunningServer server = await RunningServer.StartAsync(Start(device, variable, value, fallback: true));
        ClassifyResponse reply = await server.ClassifyAsync(TestImages.Png(1));
        Assert.Equal("cpu", reply.Compute.Device);
        Assert.Contains(server.Log, line => line.Contains("Falling back from cuda", StringComparison.Ordinal) && line.Contains(words, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Load_SecondOfTwoGpus_Serves()
    {
        using RunningServer server = await RunningServer.StartAsync(Start("cuda:1", "FAKE_CUDA_DEVICES", "2", fallback: false, "--LCNet:SelfCheck=false"));
        Assert.Equal("cuda:1", (await server.ClassifyAsync(TestImages.Png(1))).Compute.Device);
    }

    [Fact]
    public async Task Run_DeviceThatFailsForGood_IsTemporaryForItsCallersUntilTheCpuAnswers()
    {
        using RunningServer server = await RunningServer.StartAsync(Start("cuda", "FAKE_FAIL_AFTER_SYNCS", "1000", fallback: true, "--LCNet:SelfCheck=false", "--LCNet:MaxFailures=2"));
        Assert.Equal("cuda:0", (await server.ClassifyAsync(TestImages.Png(1))).Compute.Device);
        var failures = new List<Status>();
        string device = "cuda:0";
        for (int seed = 0; seed < 2000 && device != "cpu"; seed++)
        {
            try
            {
                device = (await server.ClassifyAsync(TestImages.Png(seed))).Compute.Device;
            }
            catch (RpcException exception)
            {
                failures.Add(exception.Status);
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }

        Assert.Equal("cpu", device);
        Assert.NotEmpty(failures);
        Assert.All(failures, failure => Assert.Equal(StatusCode.Unavailable, failure.StatusCode));
        Assert.Contains(server.Log, line => line.Contains("Falling back from cuda", StringComparison.Ordinal));
    }

    // Stand-ins compute nothing.
    [Fact]
    public async Task Load_DeviceThatComputesSomethingElse_IsFoundOutAndTheCpuAnswers()
    {
        using RunningServer server = await RunningServer.StartAsync(Start("cuda", "FAKE_CUDA_DEVICES", "1", fallback: true));
        Assert.Equal("cpu", (await server.ClassifyAsync(TestImages.Png(1))).Compute.Device);
        Assert.Contains(server.Log, line => line.Contains("Falling back from cuda to the CPU: cuda:0 does not compute what the CPU does: ", StringComparison.Ordinal));
    }

    private ServerProgram Start(string device, string variable, string value, bool fallback, params string[] arguments)
    {
        string standIns = StandIns.Require();
        var environment = new Dictionary<string, string> { ["LD_LIBRARY_PATH"] = standIns };
        environment[variable] = value == "without cuDNN" ? WithoutCudnn(standIns) : value;
        return new ServerProgram([], StandIns.Program("LCNet.Server"), environment, [.. TestServer.Arguments(fixture.OneModel), $"--LCNet:Device={device}", $"--LCNet:FallbackToCpu={fallback}", "--LCNet:BatchMaxImages=8", .. arguments]);
    }

    private static string WithoutCudnn(string standIns)
    {
        string folder = Path.Combine(standIns, "without-cudnn");
        Directory.CreateDirectory(folder);
        foreach (string library in Directory.GetFiles(standIns, "*.so*").Where(file => !file.Contains("cudnn", StringComparison.Ordinal)))
        {
            File.Copy(library, Path.Combine(folder, Path.GetFileName(library)), overwrite: true);
        }

        return folder;
    }
}
