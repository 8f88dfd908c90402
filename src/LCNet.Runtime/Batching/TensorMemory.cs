using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace LCNet.Runtime.Batching;

/// <summary>Tensors over any part of memory that somebody else owns. Thread-safe.</summary>
/// <param name="type">Of the elements: float or int64.</param>
internal sealed class TensorMemory(OrtMemoryInfo memory, TensorElementType type, nint address)
{
    private readonly int _elementBytes = BytesOf(type);

    /// <summary>Takes memory of a device.</summary>
    /// <param name="allocation">Outlives this.</param>
    public TensorMemory(OrtMemoryInfo memory, TensorElementType type, OrtMemoryAllocation allocation)
        : this(memory, type, allocation.DangerousGetHandle())
    {
    }

    /// <summary>Takes an array of the host.</summary>
    /// <param name="pinned">Does not move, and outlives this.</param>
    public TensorMemory(float[] pinned)
        : this(OrtMemoryInfo.DefaultInstance, TensorElementType.Float, Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0))
    {
    }

    /// <summary>Takes an array of the host.</summary>
    /// <param name="pinned">Does not move, and outlives this.</param>
    public TensorMemory(long[] pinned)
        : this(OrtMemoryInfo.DefaultInstance, TensorElementType.Int64, Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0))
    {
    }

    /// <summary>Bytes of some elements.</summary>
    /// <exception cref="OverflowException">They are beyond what ONNX Runtime's C# allocator takes, 4 GiB.</exception>
    public static uint Bytes(TensorElementType type, long elements) => checked((uint)(elements * BytesOf(type)));

    /// <summary>A tensor over a part of the memory; dispose it before the memory goes.</summary>
    public OrtValue Tensor(long first, params long[] shape)
    {
        long bytes = _elementBytes;
        foreach (long dimension in shape)
        {
            bytes *= dimension;
        }

        return OrtValue.CreateTensorValueWithData(memory, type, shape, (nint)(address + (first * _elementBytes)), bytes);
    }

    private static int BytesOf(TensorElementType type) => type == TensorElementType.Int64 ? sizeof(long) : sizeof(float);
}
