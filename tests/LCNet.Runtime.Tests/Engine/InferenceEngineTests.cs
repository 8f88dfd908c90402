using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Engine;

public sealed class InferenceEngineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Bundle _bundle;
    private readonly float[][] _images;

    public InferenceEngineTests()
    {
        _bundle = TestBundles.Basic(_folder);
        _images = TestBundles.Images(_bundle, 40, 1);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ExecutorKind.Auto)]
    [InlineData(ExecutorKind.OnnxRuntime)]
    public async Task RunAsync_AnyImage_EqualsTheDispatcher(ExecutorKind kind)
    {
        using InferenceEngine engine = Load(kind: kind);
        Assert.Equal(kind == ExecutorKind.Auto ? ExecutorKind.Simd : kind, engine.Executor);
        InferenceResult result = engine.CreateResult();
        foreach ((int i, InferenceResult expected) in Expected(engine.Executor).Index())
        {
            await engine.RunAsync(_images[i], Effort(i), Planner.NoCap, result, Cancellation);
            AssertSame(expected, result);
            Assert.True(result.ExecuteTime > TimeSpan.Zero && result.QueueTime >= TimeSpan.Zero);
        }
    }

    [Fact]
    public async Task RunAsync_ManyAtOnce_GiveEachItsOwnResult()
    {
        using InferenceEngine engine = Load();
        List<InferenceResult> expected = Expected();
        await Parallel.ForAsync(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation }, async (i, cancellation) =>
        {
            InferenceResult result = engine.CreateResult();
            await engine.RunAsync(_images[i % _images.Length], Effort(i % _images.Length), Planner.NoCap, result, cancellation);
            AssertSame(expected[i % _images.Length], result);
        });
    }

    [Fact]
    public async Task RunAsync_AnyCap_IsKept()
    {
        using InferenceEngine engine = Load();
        InferenceResult result = engine.CreateResult();
        var random = new Random(3);
        int bound = 0;
        foreach ((int i, InferenceResult free) in Expected().Index())
        {
            long cap = random.NextInt64(_bundle.Flops.Minimum, _bundle.Flops.Dense + _bundle.Flops.Gates);
            await engine.RunAsync(_images[i], Effort(i), cap, result, Cancellation);
            Assert.InRange(result.Plan.Flops, _bundle.Flops.Minimum, cap);
            Assert.Equal(result.Plan.Flops, result.ExecutedFlops);
            bound += free.Plan.Flops > cap ? 1 : 0;
        }

        Assert.InRange(bound, 5, _images.Length - 5);
        await engine.RunAsync(_images[0], 1, _bundle.Flops.Minimum, result, Cancellation);
        Assert.Equal(_bundle.Flops.Minimum, result.ExecutedFlops);
    }

    [Fact]
    public async Task RunAsync_ArgumentOutOfRange_IsRefused()
    {
        using InferenceEngine engine = Load();
        InferenceResult result = engine.CreateResult();
        async Task Refused<T>(int length, double effort, long cap)
            where T : ArgumentException =>
            await Assert.ThrowsAsync<T>(async () => await engine.RunAsync(new float[length], effort, cap, result, Cancellation));

        int good = _bundle.Manifest.Input.Length;
        await Refused<ArgumentException>(good - 1, 1, Planner.NoCap);
        await Refused<ArgumentException>(good + 1, 1, Planner.NoCap);
        await Refused<ArgumentException>(0, 1, Planner.NoCap);
        foreach (double effort in new[] { 0, -0.5, 1.0001, double.NaN, double.PositiveInfinity })
        {
            await Refused<ArgumentOutOfRangeException>(good, effort, Planner.NoCap);
        }

        await Refused<ArgumentOutOfRangeException>(good, 1, _bundle.Flops.Minimum - 1);
        await Refused<ArgumentOutOfRangeException>(good, 1, -1);
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await engine.RunAsync(new float[good], 1, Planner.NoCap, null!, Cancellation));
        await engine.RunAsync(new float[good], double.Epsilon, _bundle.Flops.Minimum, result, Cancellation);
    }

    [Fact]
    public async Task RunAsync_AlreadyCancelled_DoesNotRun()
    {
        using InferenceEngine engine = Load();
        InferenceResult result = engine.CreateResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await engine.RunAsync(_images[0], 1, Planner.NoCap, result, new CancellationToken(true)));
        Assert.Equal(0, result.ExecutedFlops);
    }

    [Fact]
    public void Run_AfterAnImageThatCannotBeRead_GoesOn()
    {
        using InferenceEngine engine = Load();
        using EngineSession session = engine.CreateSession();
        using var broken = new GatedImage(_images[0]) { Failure = new IOException("gone") };
        broken.Open();
        InferenceResult result = engine.CreateResult();
        Assert.Throws<IOException>(() => session.Run(broken.Memory, 1, Planner.NoCap, result, Cancellation));
        session.Run(_images[0], Effort(0), Planner.NoCap, result, Cancellation);
        AssertSame(Expected()[0], result);
    }

    [Fact]
    public void Load_UnknownDevice_IsRefused() =>
        Assert.Throws<DeviceException>(() => InferenceEngine.Load(_bundle, new EngineOptions { Device = "tpu" }));

    [Theory]
    [InlineData("stem.onnx", "head.onnx", "has the inputs x; expected: image")]
    [InlineData("head.onnx", "shortcut_02.onnx", "has the outputs y; expected: logits")]
    [InlineData("gate_02.onnx", "gate_00.onnx", "does not run: ")]
    [InlineData("block_00.onnx", "block_04.onnx", "does not run: ")]
    [InlineData("shortcut_02.onnx", "shortcut_03.onnx", "does not run: ")]
    public void Load_SegmentThatDoesNotFitTheManifest_IsRefusedByName(string file, string other, string reason)
    {
        Assert.All([file, other], name => Assert.Contains(name, _bundle.Manifest.Files.Keys));
        File.Copy(_bundle.PathOf(other), _bundle.PathOf(file), overwrite: true);
        Bundle bad = Bundle.Write(_bundle.Folder, _bundle.Manifest);
        BundleException exception = Assert.Throws<BundleException>(() => InferenceEngine.Load(bad, new EngineOptions()));
        Assert.DoesNotContain('\n', exception.Message);
        Assert.StartsWith($"{file} {reason}", Assert.Single(exception.Problems), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static double Effort(int image) => 1 - (0.02 * image);

    private static void AssertSame(InferenceResult expected, InferenceResult actual)
    {
        Assert.Equal(expected.Logits, actual.Logits);
        Assert.Equal(expected.Effort, actual.Effort);
        Assert.Equal((expected.Plan.Flops, expected.ExecutedFlops), (actual.Plan.Flops, actual.ExecutedFlops));
        for (int block = 0; block < expected.Plan.Blocks; block++)
        {
            Assert.Equal(expected.Plan.LayerScale(block), actual.Plan.LayerScale(block));
            Assert.Equal(expected.Plan.Kept(block), actual.Plan.Kept(block));
            Assert.Equal(expected.Plan.ChannelScales(block), actual.Plan.ChannelScales(block));
        }
    }

    private InferenceEngine Load(ExecutorKind kind = ExecutorKind.Auto) => InferenceEngine.Load(_bundle, new EngineOptions { Executor = kind });

    private List<InferenceResult> Expected(ExecutorKind kind = ExecutorKind.Simd)
    {
        using ISegmentExecutor executor = kind == ExecutorKind.Simd ? new SimdExecutor(_bundle) : new OnnxExecutor(_bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(_bundle, lane);
        var results = new List<InferenceResult>();
        foreach ((int i, float[] image) in _images.Index())
        {
            results.Add(new InferenceResult(_bundle.Manifest));
            dispatcher.Run(image, Effort(i), Planner.NoCap, results[i]);
        }

        return results;
    }
}
