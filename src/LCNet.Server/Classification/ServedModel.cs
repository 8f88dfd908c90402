using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>One version of one model, with its buffers. Thread-safe.</summary>
internal sealed class ServedModel(InferenceEngine engine, ServerOptions options)
{
    /// <summary>Runs it.</summary>
    public InferenceEngine Engine => engine;

    /// <summary>What it takes.</summary>
    public InputSpec Input => engine.Bundle.Manifest.Input;

    /// <summary>Its class names, in the order of the logits.</summary>
    public IReadOnlyList<string> Labels => engine.Bundle.Manifest.Labels;

    /// <summary>What callers are told of it. Shared between replies, so never changed.</summary>
    public Model Description { get; } = Describe(engine.Bundle);

    /// <summary>Buffers for one image each, as many as images may be under way; calls that wait for them hold nothing but their request.</summary>
    public ResourcePool<ClassifyBuffers> Buffers { get; } =
        new(Enumerable.Range(0, options.MaxUnderWay).Select(_ => new ClassifyBuffers(engine)), options.MaxQueue);

    private static Model Describe(Bundle bundle)
    {
        BundleManifest manifest = bundle.Manifest;
        return new Model
        {
            Name = manifest.Model,
            Version = manifest.Version.ToString(CultureInfo.InvariantCulture),
            Labels = { manifest.Labels },
            InputWidth = manifest.Input.Width,
            InputHeight = manifest.Input.Height,
            DenseFlops = bundle.Flops.Dense,
            MinimumFlops = bundle.Flops.Minimum,
            BlockChannels = { manifest.Blocks.Select(block => block.Channels) },
            Efforts =
            {
                manifest.Calibration.Select(point => new EffortPoint
                {
                    Effort = point.Effort,
                    MeanFlops = point.MeanFlops,
                    P95Flops = point.P95Flops,
                    Top1 = point.Top1,
                    Top1StandardError = point.Top1StandardError,
                }),
            },
            Data = manifest.Provenance.Data,
        };
    }
}
