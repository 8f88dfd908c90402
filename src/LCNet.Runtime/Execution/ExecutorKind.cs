namespace LCNet.Runtime.Execution;

/// <summary>What runs segments.</summary>
public enum ExecutorKind
{
    /// <summary>
    /// The fastest for the device: <see cref="Simd"/> on the CPU where it knows the bundle's graphs, else <see cref="OnnxRuntime"/>; <see cref="Batched"/> on a GPU.
    /// </summary>
    Auto,

    /// <summary>Convolutions in C# that skip channels at no cost; CPU only.</summary>
    Simd,

    /// <summary>ONNX Runtime, each image by itself; on every device.</summary>
    OnnxRuntime,

    /// <summary>ONNX Runtime, images in batches that are regrouped at each block; on every device, but a gain on GPUs only.</summary>
    Batched,
}
