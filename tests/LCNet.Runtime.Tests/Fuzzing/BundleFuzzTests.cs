using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Fuzzing;

/// <summary>
/// Bundles that were changed at random: each is refused with a reason, or loads and runs; nothing crashes, hangs or takes memory without bounds. How many is
/// up to <c>LCNET_FUZZ_BUNDLES</c>.
/// </summary>
public sealed class BundleFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int Few = 150;
    private const long MemoryLimit = 1024L * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly ExecutorKind[] Kinds = [ExecutorKind.Simd, ExecutorKind.OnnxRuntime, ExecutorKind.Auto, ExecutorKind.Batched];
    private readonly TemporaryFolder _folder = new();
    private int _refused;
    private int _run;

    [Fact]
    public async Task AnyBundle_ChangedAtRandom_IsRefusedOrRuns()
    {
        Bundle good = TestBundles.Basic(_folder);
        float[] image = TestBundles.Images(good, 1, 5)[0];
        await SampleAsync(good, image, Few);
        long before = Environment.WorkingSet;

        await SampleAsync(good, image, Bundles);

        output.WriteLine($"{_refused} refused, {_run} run");
        Assert.InRange(_run / (double)(_run + _refused), 0.02, 0.6);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, MemoryLimit);
    }

    public void Dispose() => _folder.Dispose();

    private static int Bundles => int.TryParse(Environment.GetEnvironmentVariable("LCNET_FUZZ_BUNDLES"), CultureInfo.InvariantCulture, out int count) ? count : Few;

    // Each in time: what hangs is found out.
    private Task SampleAsync(Bundle good, float[] image, int bundles) => Gen.Int.SampleAsync(
        seed => Task.Run(() => Try(good, image, seed)).WaitAsync(Patience, TestContext.Current.CancellationToken), iter: bundles, threads: 2);

    private void Try(Bundle good, float[] image, int seed)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lcnet-fuzz-");
        try
        {
            new FuzzedBundle(seed).Write(good, folder.FullName);
            Bundle bundle = Bundle.Open(folder.FullName);
            using InferenceEngine engine = InferenceEngine.Load(bundle, new EngineOptions { Executor = Kinds[(seed & 15) < 5 ? 0 : (seed & 15) < 10 ? 1 : (seed & 15) < 15 ? 2 : 3], MaxBatch = 2 });
            InferenceResult result = engine.CreateResult();
            float[] input = bundle.Manifest.Input.Length == image.Length ? image : new float[bundle.Manifest.Input.Length];
            using EngineSession session = engine.CreateSession();
            session.Run(input, 0.5, Planner.NoCap, result, CancellationToken.None);
            Assert.InRange(result.ExecutedFlops, 0, long.MaxValue);
            Interlocked.Increment(ref _run);
        }
        catch (BundleException exception)
        {
            Assert.NotEmpty(exception.Problems);
            Interlocked.Increment(ref _refused);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
