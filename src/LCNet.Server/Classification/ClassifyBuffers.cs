using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>What one image needs on its way through a model. Reused from image to image without clearing: everything is overwritten before it is read. Not thread-safe.</summary>
internal sealed class ClassifyBuffers(InferenceEngine engine, ImageLimits limits)
{
    /// <summary>Reads image files.</summary>
    public InputReader Reader { get; } = Create(engine.Bundle.Manifest.Input, limits);

    /// <summary>The network's input, 3 × height × width values.</summary>
    public float[] Input { get; } = new float[engine.Bundle.Manifest.Input.Length];

    /// <summary>What the network gives.</summary>
    public InferenceResult Result { get; } = engine.CreateResult();

    private static InputReader Create(InputSpec input, ImageLimits limits) => new(input.Width, input.Height, input.Mean, input.Std, limits);
}
