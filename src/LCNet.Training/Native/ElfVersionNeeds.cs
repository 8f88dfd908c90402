using System.Buffers.Binary;
using System.Text;

namespace LCNet.Training.Native;

/// <summary>Edits the version requirements (<c>.gnu.version_r</c>) of a 64-bit little-endian ELF image held in memory.</summary>
/// <remarks>Layout: the System V ABI's ELF-64 object file format and the Linux Standard Base's symbol versioning chapter.</remarks>
public static class ElfVersionNeeds
{
    private const int SectionTypeVersionNeeds = 0x6ffffffe;
    private const ushort WeakFlag = 2;

    /// <summary>Marks every requirement of <paramref name="version"/> weak, so that the loader no longer refuses the image where the version is missing.</summary>
    /// <param name="image">The whole file; edited in place.</param>
    /// <param name="version">For example <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns>How many requirements were changed; 0 where the image does not ask for the version or asks weakly already.</returns>
    /// <exception cref="InvalidDataException">The image is not a 64-bit little-endian ELF file.</exception>
    public static int MakeWeak(Span<byte> image, string version)
    {
        if (image.Length < 64 || !image[..6].SequenceEqual("\u007fELF\u0002\u0001"u8))
        {
            throw new InvalidDataException("Not a 64-bit little-endian ELF file.");
        }

        int sections = (int)BinaryPrimitives.ReadInt64LittleEndian(image[0x28..]);
        int sectionSize = BinaryPrimitives.ReadUInt16LittleEndian(image[0x3a..]);
        int sectionCount = BinaryPrimitives.ReadUInt16LittleEndian(image[0x3c..]);
        int changed = 0;
        for (int i = 0; i < sectionCount; i++)
        {
            ReadOnlySpan<byte> header = image.Slice(sections + (i * sectionSize), sectionSize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) != SectionTypeVersionNeeds)
            {
                continue;
            }

            int needs = (int)BinaryPrimitives.ReadInt64LittleEndian(header[0x18..]);
            int names = BinaryPrimitives.ReadInt32LittleEndian(header[0x28..]);
            int strings = (int)BinaryPrimitives.ReadInt64LittleEndian(image[(sections + (names * sectionSize) + 0x18)..]);
            changed += MakeWeak(image, needs, strings, version);
        }

        return changed;
    }

    private static int MakeWeak(Span<byte> image, int need, int strings, string version)
    {
        int changed = 0;
        while (true)
        {
            int count = BinaryPrimitives.ReadUInt16LittleEndian(image[(need + 2)..]);
            int entry = need + BinaryPrimitives.ReadInt32LittleEndian(image[(need + 8)..]);
            for (int i = 0; i < count; i++)
            {
                ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(image[(entry + 4)..]);
                ReadOnlySpan<byte> name = image[(strings + BinaryPrimitives.ReadInt32LittleEndian(image[(entry + 8)..]))..];
                if ((flags & WeakFlag) == 0 && Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == version)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(image[(entry + 4)..], (ushort)(flags | WeakFlag));
                    changed++;
                }

                entry += BinaryPrimitives.ReadInt32LittleEndian(image[(entry + 12)..]);
            }

            int next = BinaryPrimitives.ReadInt32LittleEndian(image[(need + 12)..]);
            if (next == 0)
            {
                return changed;
            }

            need += next;
        }
    }
}
