using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;
using LCNet.Training.Networks;
using TorchSharp;

namespace LCNet.Runtime.Tests.Execution;

/// <summary>The runtime against the TorchSharp network that a bundle came from.</summary>
public sealed class NetworkAgreementTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Dispatcher_GatedImages_EqualTorchSharp()
    {
        LcNet network = TestBundles.BasicNetwork.Value;
        Bundle bundle = TestBundles.Basic(_folder);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        int[] runs = new int[bundle.Manifest.Blocks.Count];
        foreach ((int i, float[] image) in TestBundles.Images(bundle, 30, 1).Index())
        {
            double effort = 1 - (0.02 * i);
            dispatcher.Run(image, effort, Planner.NoCap, result);
            AssertClose(Forward(network, image, effort), result.Logits);
            for (int block = 0; block < runs.Length; block++)
            {
                runs[block] += result.Plan.Runs(block) ? 1 : 0;
            }
        }

        Assert.All(runs, count => Assert.InRange(count, 1, 29));
    }

    [Fact]
    public void DenseNetwork_AnyImage_EqualsTorchSharpAndOpenSegments()
    {
        LcNet network = TestBundles.BasicNetwork.Value;
        Bundle bundle = TestBundles.Basic(_folder);
        using var executor = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        using var dense = new DenseNetwork(bundle, ComputeDevice.Parse("cpu"));
        var dispatcher = new Dispatcher(bundle, lane);
        var open = new InferenceResult(bundle.Manifest);
        float[] logits = new float[bundle.Manifest.Labels.Count];
        foreach (float[] image in TestBundles.Images(bundle, 20, 2))
        {
            dense.Run(image, logits);
            dispatcher.RunOpen(image, open);
            float[] expected = Forward(network, image, null);
            AssertClose(expected, logits);
            AssertClose(expected, open.Logits.ToArray());
        }
    }

    [Theory]
    [InlineData("head.onnx", "not a model", "is no ONNX file")]
    [InlineData("block_01.onnx", "", "has no graph with an output")]
    public void DenseNetwork_SegmentThatIsNoModel_IsNamed(string file, string content, string problem)
    {
        Bundle bundle = TestBundles.Basic(_folder);
        File.WriteAllText(bundle.PathOf(file), content);
        Bundle damaged = Bundle.Write(bundle.Folder, bundle.Manifest);

        BundleException exception = Assert.Throws<BundleException>(() => new DenseNetwork(damaged, ComputeDevice.Parse("cpu")));

        Assert.Contains($"{file} {problem}", exception.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertClose(float[] expected, ReadOnlySpan<float> actual) =>
        Assert.All(expected.Zip(actual.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));

    private static float[] Forward(LcNet network, float[] image, double? effort)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        torch.Tensor x = torch.tensor(image, 1, 3, network.Spec.InputSize, network.Spec.InputSize);
        return network.ForwardAtEffort(x, effort).Logits.data<float>().ToArray();
    }
}
