using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Tests.Execution;

public sealed class OnnxExecutorTests : IDisposable
{
    private static readonly bool HasCuda = OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider");

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("stem.onnx")]
    [InlineData("gate_03.onnx")]
    [InlineData("block_04.onnx")]
    [InlineData("shortcut_02.onnx")]
    [InlineData("head.onnx")]
    public void New_FileThatIsNotOnnx_IsRefusedNamingIt(string file)
    {
        Bundle good = TestBundles.Basic(_folder);
        File.WriteAllText(good.PathOf(file), "not a network");
        Bundle bad = Bundle.Write(good.Folder, good.Manifest);
        BundleException exception = Assert.Throws<BundleException>(() => new OnnxExecutor(bad, ComputeDevice.Parse("cpu")));
        Assert.StartsWith($"{file} is refused by ONNX Runtime", Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Fact]
    public void Device_Cpu_IsNamed()
    {
        using var executor = new OnnxExecutor(TestBundles.Basic(_folder), ComputeDevice.Parse("cpu"));
        Assert.Equal("cpu", executor.Device);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:3")]
    public void New_CudaOnABuildWithoutIt_SaysWhatIsMissing(string device)
    {
        Assert.SkipWhen(HasCuda, "This build has CUDA.");
        Bundle bundle = TestBundles.Basic(_folder);
        Assert.All(
            [
                () => new OnnxExecutor(bundle, ComputeDevice.Parse(device)),
                () => new DenseNetwork(bundle, ComputeDevice.Parse(device)),
                () => InferenceEngine.Load(bundle, new EngineOptions { Device = device }),
            ],
            (Func<IDisposable> load) =>
            {
                DeviceException exception = Assert.Throws<DeviceException>(load);
                Assert.StartsWith($"{ComputeDevice.Parse(device)} cannot be used", exception.Message, StringComparison.Ordinal);
                Assert.Contains("-p:Accelerator=cuda", exception.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', exception.Message);
            });
    }

    public void Dispose() => _folder.Dispose();
}
