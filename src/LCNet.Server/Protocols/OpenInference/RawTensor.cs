using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>The protocol's raw tensors: little-endian and row-major; before each element of a BYTES tensor its length, in 4 bytes.</summary>
internal static class RawTensor
{
    /// <summary>Copies float32 values.</summary>
    /// <param name="raw">4 bytes a value.</param>
    /// <param name="destination">Takes every value.</param>
    public static void CopyTo(ReadOnlySpan<byte> raw, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = BinaryPrimitives.ReadSingleLittleEndian(raw[(i * sizeof(float))..]);
        }
    }

    /// <summary>Makes a raw tensor of numbers.</summary>
    public static ByteString From<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        byte[] raw = MemoryMarshal.AsBytes(values).ToArray();
        if (!BitConverter.IsLittleEndian)
        {
            int size = raw.Length / Math.Max(1, values.Length);
            for (int start = 0; start < raw.Length; start += size)
            {
                raw.AsSpan(start, size).Reverse();
            }
        }

        return UnsafeByteOperations.UnsafeWrap(raw);
    }

    /// <summary>Makes a raw BYTES tensor of texts, in UTF-8.</summary>
    public static ByteString From(IEnumerable<string> texts)
    {
        using var raw = new MemoryStream();
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (string text in texts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            raw.Write(length);
            raw.Write(bytes);
        }

        return UnsafeByteOperations.UnsafeWrap(raw.ToArray());
    }

    /// <summary>Finds the elements of a raw BYTES tensor, without copying them.</summary>
    /// <param name="elements">Takes the elements.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Split(ReadOnlyMemory<byte> raw, int count, List<ReadOnlyMemory<byte>> elements)
    {
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            if (raw.Length - at < sizeof(int))
            {
                return $"ends before the length of element {i}; the shape has {count} elements";
            }

            uint length = BinaryPrimitives.ReadUInt32LittleEndian(raw.Span[at..]);
            at += sizeof(int);
            if (length > raw.Length - at)
            {
                return $"element {i} has {length} bytes by its length, but {raw.Length - at} follow";
            }

            elements.Add(raw.Slice(at, (int)length));
            at += (int)length;
        }

        return at == raw.Length ? null : $"has {raw.Length - at} bytes after its {count} elements";
    }
}
