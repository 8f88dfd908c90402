using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace LCNet.Training.Recipe;

/// <summary>What training steps compute in.</summary>
public enum Precision
{
    /// <summary>Everything in float32.</summary>
    Full,

    /// <summary>
    /// Convolutions and what flows between them in bfloat16; weights, their gradients, batch norm's statistics, the head, the loss and every evaluation in
    /// float32. Steps are faster on processors that multiply bfloat16 (by how much stands in docs/experiments.md), and far slower on others.
    /// </summary>
    Mixed,
}

/// <summary>Which <see cref="Precision"/> suits a machine.</summary>
public static class PrecisionSupport
{
    private const int Avx512BFloat16Bit = 5;

    /// <summary>Mixed where this processor has AVX-512 BF16 (CPUID leaf 7.1, EAX bit 5), otherwise full.</summary>
    public static Precision Fastest { get; } =
        X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && ((X86Base.CpuId(7, 1).Eax >> Avx512BFloat16Bit) & 1) == 1
            ? Precision.Mixed
            : Precision.Full;

    internal static ScalarType TensorType(this Precision precision) => precision == Precision.Mixed ? ScalarType.BFloat16 : ScalarType.Float32;
}
