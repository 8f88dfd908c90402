using System.Buffers.Binary;
using Google.Protobuf;
using Google.Protobuf.Collections;
using LCNet.Server.Inference;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Reads images from the raw contents of a tensor.</summary>
internal static class RawImages
{
    /// <summary>Image files, one an element.</summary>
    /// <param name="raw">As given.</param>
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

/// <summary>Reads images from the typed contents of a tensor.</summary>
internal static class TypedImages
{
    /// <summary>Image files, one an element.</summary>
    /// <param name="elements">As given.</param>
    /// <param name="problems">Takes a line a breach.</param>
    public static IReadOnlyList<ImageInput> Files(RepeatedField<ByteString> elements, int count, string field, List<string> problems)
    {
        if (elements.Count != count)
        {
            problems.Add($"{field}: there are {elements.Count}; the shape has {count}");
            return [];
        }

        return [.. elements.Select((element, i) => ImageInput.File($"{field}[{i}]", element.Memory))];
    }

    /// <summary>Network inputs, one after the other.</summary>
    /// <param name="values">As given.</param>
    /// <param name="problems">Takes a line a breach.</param>
    public static IReadOnlyList<ImageInput> Tensors(RepeatedField<float> values, int count, int length, string field, List<string> problems)
    {
        if (values.Count != (long)count * length)
        {
            problems.Add($"{field}: there are {values.Count}; the shape has {(long)count * length}");
            return [];
        }

        // A loop by index: the enumerator of a repeated field is an object.
        for (int i = 0; i < values.Count; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                problems.Add($"{field}: value {i} is {values[i]}; only finite ones are taken");
                return [];
            }
        }

        // Nothing changes a request that was read, so its values stay where they are.
        return [.. Enumerable.Range(0, count).Select(i => ImageInput.Tensor(
            $"{field}, image {i}", length * sizeof(float), input => UnsafeCollectionOperations.AsSpan(values).Slice(i * length, length).CopyTo(input)))];
    }
}
