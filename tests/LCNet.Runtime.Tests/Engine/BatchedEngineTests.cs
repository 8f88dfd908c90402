using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Engine;

/// <summary>The engine with batches, on the CPU.</summary>
public sealed class BatchedEngineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Bundle _bundle;
    private readonly float[][] _images;

    public BatchedEngineTests()
    {
        _bundle = TestBundles.Basic(_folder);
        _images = TestBundles.Images(_bundle, 40, 1);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunAsync_OneImage_EqualsTheSimdExecutor()
    {
        using InferenceEngine engine = Load(maxDelay: TimeSpan.Zero);
        using var simd = new SimdExecutor(_bundle);
        using ISegmentLane lane = simd.CreateLane();
        var reference = new Dispatcher(_bundle, lane);
        (InferenceResult expected, InferenceResult actual) = (engine.CreateResult(), engine.CreateResult());
        Assert.Equal((ExecutorKind.Batched, "cpu"), (engine.Executor, engine.Device));
        foreach ((int i, float[] image) in _images.Index())
        {
            reference.Run(image, Effort(i), Planner.NoCap, expected);
            await engine.RunAsync(image, Effort(i), Planner.NoCap, actual, Cancellation);
            AssertSame(expected, actual);
            Assert.Equal(1, actual.BatchSize);
            Assert.True(actual.ExecuteTime > TimeSpan.Zero && actual.QueueTime >= TimeSpan.Zero);
        }
    }

    [Fact]
    public async Task RunAsync_ManyAtOnce_GiveEachItsOwnResultWithinItsCap()
    {
        using InferenceEngine engine = Load(maxBatch: 6);
        using var simd = new SimdExecutor(_bundle);
        using ISegmentLane lane = simd.CreateLane();
        var reference = new Dispatcher(_bundle, lane);
        long Cap(int i) => i % 3 == 0 ? _bundle.Flops.Minimum + (i * (_bundle.Flops.Dense - _bundle.Flops.Minimum) / _images.Length) : Planner.NoCap;
        InferenceResult[] expected = [.. _images.Select((image, i) =>
        {
            InferenceResult result = engine.CreateResult();
            reference.Run(image, Effort(i), Cap(i), result);
            return result;
        })];
        int shared = 0;
        await Parallel.ForAsync(0, 600, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Cancellation }, async (call, cancellation) =>
        {
            int i = call % _images.Length;
            InferenceResult result = engine.CreateResult();
            await engine.RunAsync(_images[i], Effort(i), Cap(i), result, cancellation);
            AssertSame(expected[i], result);
            Assert.InRange(result.ExecutedFlops, result.Plan.Flops, Cap(i));
            Assert.InRange(result.BatchSize, 1, 6);
            Interlocked.Add(ref shared, result.BatchSize > 1 ? 1 : 0);
        });
        Assert.True(shared > 100, $"{shared}");
    }

    [Fact]
    public async Task RunOpen_AmongImagesThatGatesDecide_EqualsTheStaticNetwork()
    {
        using InferenceEngine engine = Load(maxBatch: 6);
        using var dense = new DenseNetwork(_bundle, ComputeDevice.Parse("cpu"));
        using var simd = new SimdExecutor(_bundle);
        using ISegmentLane lane = simd.CreateLane();
        var reference = new Dispatcher(_bundle, lane);
        InferenceResult[] gated = [.. _images.Select((image, i) =>
        {
            InferenceResult result = engine.CreateResult();
            reference.Run(image, Effort(i), Planner.NoCap, result);
            return result;
        })];
        int shared = 0;
        await Parallel.ForAsync(0, 240, new ParallelOptions { MaxDegreeOfParallelism = 12, CancellationToken = Cancellation }, async (call, cancellation) =>
        {
            int i = call / 2 % _images.Length;
            InferenceResult result = engine.CreateResult();
            if (call % 2 == 0)
            {
                await engine.RunAsync(_images[i], Effort(i), Planner.NoCap, result, cancellation);
                AssertSame(gated[i], result);
                return;
            }

            float[] expected = new float[_bundle.Manifest.Labels.Count];
            lock (dense)
            {
                dense.Run(_images[i], expected);
            }

            await Task.Run(
                () =>
                {
                    using EngineSession session = engine.CreateSession();
                    Assert.False(session.RunOpen(_images[i], result, () => false, cancellation));
                    Assert.True(session.RunOpen(_images[i], result, isWanted: null, cancellation));
                },
                cancellation);
            Assert.All(expected.Zip(result.Logits.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
            Assert.Equal(_bundle.Flops.Dense, result.Plan.Flops);
            Assert.True(result.ExecutedFlops >= _bundle.Flops.Dense + _bundle.Flops.Gates, $"{result.ExecutedFlops}");
            Interlocked.Add(ref shared, result.BatchSize > 1 ? 1 : 0);
        });
        Assert.True(shared > 20, $"{shared}");
    }

    [Fact]
    public async Task RunAsync_ImageThatCannotBeRead_FailsAlone()
    {
        // Long enough that batches close only when they are full.
        using InferenceEngine engine = Load(maxBatch: 2, maxDelay: EngineOptions.MaxDelayLimit);
        using var broken = new GatedImage(_images[0]) { Failure = new IOException("gone") };
        Task failing = engine.RunAsync(broken.Memory, 1, Planner.NoCap, engine.CreateResult(), Cancellation);
        Task beside = engine.RunAsync(_images[1], 1, Planner.NoCap, engine.CreateResult(), Cancellation);
        broken.Asked.Wait(Cancellation);
        Task after = engine.RunAsync(_images[2], 1, Planner.NoCap, engine.CreateResult(), Cancellation);
        await Task.WhenAll(beside, after);
        broken.Open();
        await Assert.ThrowsAsync<IOException>(() => failing);
    }

    [Fact]
    public async Task RunAsync_DefaultBudget_ClosesBatchesOfWholeEffortAtHalfTheImages()
    {
        using InferenceEngine engine = InferenceEngine.Load(_bundle, Options(8, EngineOptions.MaxDelayLimit, budget: 0));
        InferenceResult[] results = [.. Enumerable.Range(0, 8).Select(_ => engine.CreateResult())];
        await Task.WhenAll(results.Select((result, i) => engine.RunAsync(_images[i], 1, Planner.NoCap, result, Cancellation)));
        Assert.All(results, result => Assert.Equal(4, result.BatchSize));
    }

    [Theory]
    [InlineData("gate_02.onnx", "gate_00.onnx", "does not run: ")]
    [InlineData("block_00.onnx", "block_04.onnx", "does not run: ")]
    [InlineData("shortcut_02.onnx", "shortcut_03.onnx", "does not run: ")]
    [InlineData("stem.onnx", "head.onnx", "has the inputs x; expected: image")]
    [InlineData("gate_02.onnx", "head.onnx", "has the inputs x; expected: x, price")]
    public void Load_SegmentThatDoesNotFitTheManifest_IsRefusedByName(string file, string other, string reason)
    {
        File.Copy(_bundle.PathOf(other), _bundle.PathOf(file), overwrite: true);
        Bundle bad = Bundle.Write(_bundle.Folder, _bundle.Manifest);
        BundleException exception = Assert.Throws<BundleException>(() => InferenceEngine.Load(bad, Options(2, TimeSpan.Zero)));
        Assert.StartsWith($"{file} {reason}", Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Fact]
    public void Load_FileThatIsNotOnnx_IsRefusedByName()
    {
        File.WriteAllText(_bundle.PathOf("block_01.onnx"), "not a network");
        Bundle bad = Bundle.Write(_bundle.Folder, _bundle.Manifest);
        BundleException exception = Assert.Throws<BundleException>(() => InferenceEngine.Load(bad, Options(2, TimeSpan.Zero)));
        Assert.StartsWith("block_01.onnx is refused by ONNX Runtime", Assert.Single(exception.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OptionOutOfRange_IsRefused()
    {
        EngineOptions good = Options(2, TimeSpan.Zero);
        Assert.All(
            [
                good with { MaxBatch = 0 },
                good with { MaxBatch = 257 },
                good with { MaxDelay = TimeSpan.FromTicks(-1) },
                good with { MaxDelay = EngineOptions.MaxDelayLimit + TimeSpan.FromTicks(1) },
                good with { FlopsBudget = -1 },
            ],
            (EngineOptions bad) => Assert.Throws<ArgumentOutOfRangeException>(() => InferenceEngine.Load(_bundle, bad)));
    }

    public void Dispose() => _folder.Dispose();

    private static double Effort(int image) => 1 - (0.02 * image);

    private static EngineOptions Options(int maxBatch, TimeSpan maxDelay, long budget = long.MaxValue) =>
        new() { Executor = ExecutorKind.Batched, MaxBatch = maxBatch, MaxDelay = maxDelay, FlopsBudget = budget };

    private static void AssertSame(InferenceResult expected, InferenceResult actual)
    {
        Assert.All(expected.Logits.ToArray().Zip(actual.Logits.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.Equal((expected.Effort, expected.Plan.Flops), (actual.Effort, actual.Plan.Flops));
    }

    private InferenceEngine Load(int maxBatch = 8, TimeSpan? maxDelay = null) =>
        InferenceEngine.Load(_bundle, Options(maxBatch, maxDelay ?? TimeSpan.FromMilliseconds(2)));
}
