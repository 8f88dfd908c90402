using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>What one image needs on its way through a model. Reused from image to image without clearing: everything is overwritten before it is read. Not thread-safe.</summary>
internal sealed class ClassifyBuffers(InferenceEngine engine)
{
    /// <summary>The image as height × width × 3 bytes; used while it is decoded.</summary>
    public byte[] Rgb { get; } = new byte[engine.Bundle.Manifest.Input.Length];

    /// <summary>The network's input, 3 × height × width values.</summary>
    public float[] Input { get; } = new float[engine.Bundle.Manifest.Input.Length];

    /// <summary>What the network gives.</summary>
    public InferenceResult Result { get; } = engine.CreateResult();
}
