using System.Buffers.Binary;

namespace LCNet.Server;

/// <summary>Reads images from the raw contents of a tensor.</summary>
internal static class RawImages
{
    /// <summary>Image files, one an element.</summary>
    /// <param name="raw">As given.</param>
    /// <param name="count">How many there are by the shape.</param>
    /// <param name="field">Where they are.</param>
    /// <param name="problems">Takes a line a breach.</param>
    public static IReadOnlyList<ImageInput> Files(ReadOnlyMemory<byte> raw, int count, string field, List<string> problems)
    {
        var elements = new List<ReadOnlyMemory<byte>>(count);
        if (RawTensor.Split(raw, count, elements) is { } problem)
        {
            problems.Add($"{field}: {problem}");
            return [];
        }

        return [.. elements.Select((element, i) => ImageInput.File($"{field}, image {i}", element))];
    }

    /// <summary>Network inputs, one after the other.</summary>
    /// <param name="raw">As given.</param>
    /// <param name="count">How many inputs there are by the shape.</param>
    /// <param name="length">Values of one input.</param>
    /// <param name="field">Where they are.</param>
    /// <param name="problems">Takes a line a breach.</param>
    public static IReadOnlyList<ImageInput> Tensors(ReadOnlyMemory<byte> raw, int count, int length, string field, List<string> problems)
    {
        long bytes = (long)count * length * sizeof(float);
        if (raw.Length != bytes)
        {
            problems.Add($"{field}: has {raw.Length} bytes; the shape has {bytes}");
            return [];
        }

        ReadOnlySpan<byte> values = raw.Span;
        for (int i = 0; i < count * length; i++)
        {
            float value = BinaryPrimitives.ReadSingleLittleEndian(values[(i * sizeof(float))..]);
            if (!float.IsFinite(value))
            {
                problems.Add($"{field}: value {i} is {value}; only finite ones are taken");
                return [];
            }
        }

        int size = length * sizeof(float);
        return [.. Enumerable.Range(0, count).Select(i => ImageInput.Tensor(
            $"{field}, image {i}", size, input => RawTensor.CopyTo(raw.Span.Slice(i * size, size), input)))];
    }
}
