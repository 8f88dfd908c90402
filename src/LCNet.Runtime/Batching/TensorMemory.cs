using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace LCNet.Runtime.Batching;

/// <summary>Tensors over any part of memory that somebody else owns. Thread-safe.</summary>
/// <param name="memory">What ONNX Runtime calls the memory.</param>
/// <param name="type">Of the elements: float or int64.</param>
internal sealed class TensorMemory(OrtMemoryInfo memory, TensorElementType type, nint address)
{
    private readonly int _elementBytes = type == TensorElementType.Int64 ? sizeof(long) : sizeof(float);

    /// <summary>Where it begins.</summary>
    public nint Address => address;

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
}
