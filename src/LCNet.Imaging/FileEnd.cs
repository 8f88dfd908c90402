using System.Buffers.Binary;

namespace LCNet.Imaging;

/// <summary>Finds out whether an image file that cannot be decoded was cut short, which decoders do not always say.</summary>
internal static class FileEnd
{
    private const byte StartOfScan = 0xDA;
    private const byte EndOfImage = 0xD9;

    /// <summary>Whether a file begins as a JPEG, PNG, WebP or BMP file does and has less than its own structure says.</summary>
    public static bool IsMissing(ReadOnlySpan<byte> file) =>
        file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? !HasEndOfImage(file)
        : file.StartsWith((ReadOnlySpan<byte>)[0x89, .. "PNG"u8]) ? file.IndexOf("IEND"u8) < 0
        : file.StartsWith("RIFF"u8) && file.Length >= 8 ? file.Length - 8 < BinaryPrimitives.ReadUInt32LittleEndian(file[4..])
        : file.StartsWith("BM"u8) && file.Length >= 6 && file.Length < BinaryPrimitives.ReadUInt32LittleEndian(file[2..]);

    // A segment has its length; only in a scan the next marker has to be looked for. A thumbnail's end lies inside a segment.
    private static bool HasEndOfImage(ReadOnlySpan<byte> file)
    {
        int at = 2;
        while (at + 3 < file.Length)
        {
            byte marker = file[at + 1];
            if (file[at] != 0xFF || marker is 0xFF)
            {
                at++;
            }
            else if (marker == EndOfImage)
            {
                return true;
            }
            else if (marker is 0 or 1 or >= 0xD0 and <= 0xD8)
            {
                at += 2;
            }
            else
            {
                at += 2 + BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
                while (marker == StartOfScan && at + 1 < file.Length && (file[at] != 0xFF || file[at + 1] is 0 or >= 0xD0 and <= 0xD7))
                {
                    at++;
                }
            }
        }

        return file.Length >= 2 && file[^2..].SequenceEqual((ReadOnlySpan<byte>)[0xFF, EndOfImage]) && at <= file.Length - 2;
    }
}
