using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;

namespace LCNet.Cli.Bench;

/// <summary>One way to run a network on some images, on one thread. Not thread-safe.</summary>
/// <param name="run">Runs the image of an index.</param>
/// <param name="owned">Disposed of with it.</param>
internal sealed class Contender(string name, Action<int> run, params IDisposable[] owned) : IDisposable
{
    /// <summary>What the other contenders are compared with.</summary>
    public const string Baseline = "onnxruntime static";

    /// <summary>Name of the contender in results.</summary>
    public string Name => name;

    /// <summary>Runs one image.</summary>
    /// <param name="image">Its index.</param>
    public void Run(int image) => run(image);

    public void Dispose()
    {
        foreach (IDisposable resource in owned)
        {
            resource.Dispose();
        }
    }

    /// <summary>The static network in one ONNX Runtime session, and each executor at a setting of the dial.</summary>
    public static Contender[] All(Bundle bundle, ComputeDevice device, BenchSetting setting, float[][] images)
    {
        var contenders = new List<Contender> { Static(Baseline, bundle, device, images), Gated("onnxruntime", bundle, new OnnxExecutor(bundle, device), setting, images) };
        if (!device.IsCuda)
        {
            contenders.Add(Gated("simd", bundle, new SimdExecutor(bundle), setting, images));
        }

        return [.. contenders];
    }

    /// <summary>The static network of a bundle in one ONNX Runtime session.</summary>
    public static Contender Static(string name, Bundle bundle, ComputeDevice device, float[][] images)
    {
        var dense = new DenseNetwork(bundle, device);
        float[] logits = new float[bundle.Manifest.Labels.Count];
        return new Contender(name, image => dense.Run(images[image], logits), dense);
    }

    /// <summary>An executor at a setting of the dial; owned.</summary>
    public static Contender Gated(string name, Bundle bundle, ISegmentExecutor executor, BenchSetting setting, float[][] images)
    {
        ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        return setting.IsOpen
            ? new Contender(name, image => dispatcher.RunOpen(images[image], result), lane, executor)
            : new Contender(name, image => dispatcher.Run(images[image], setting.Effort, setting.Cap, result), lane, executor);
    }
}

/// <summary>A setting of the dial.</summary>
/// <param name="Name">What results call it.</param>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Cap">Most FLOPs of an image.</param>
/// <param name="IsOpen">Whether every block and channel runs, without gates.</param>
internal sealed record BenchSetting(string Name, double Effort, long Cap = Planner.NoCap, bool IsOpen = false);
