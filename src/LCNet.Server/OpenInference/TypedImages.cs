using Google.Protobuf;
using Google.Protobuf.Collections;

namespace LCNet.Server;

/// <summary>Reads images from the typed contents of a tensor.</summary>
internal static class TypedImages
{
    /// <summary>Image files, one an element.</summary>
    /// <param name="elements">As given.</param>
    /// <param name="count">How many there are by the shape.</param>
    /// <param name="field">Where they are.</param>
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
    /// <param name="count">How many inputs there are by the shape.</param>
    /// <param name="length">Values of one input.</param>
    /// <param name="field">Where they are.</param>
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
