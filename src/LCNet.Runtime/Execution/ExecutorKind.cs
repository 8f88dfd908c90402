namespace LCNet.Runtime;

/// <summary>What runs segments.</summary>
public enum ExecutorKind
{
    /// <summary>The fastest for the device: <see cref="Simd"/> on the CPU where it knows the bundle's graphs, else <see cref="OnnxRuntime"/>.</summary>
    Auto,

    /// <summary>Convolutions in C# that skip channels at no cost; CPU only.</summary>
    Simd,

    /// <summary>ONNX Runtime; on every device.</summary>
    OnnxRuntime,
}
