using System.Buffers.Binary;
using SkiaSharp;

namespace LCNet.Imaging;

/// <summary>Reads the orientation in a PNG's EXIF data (its <c>eXIf</c> chunk, PNG 3rd edition), which Skia's decoder passes over. Nothing in it can fail: what is not as it should be says nothing.</summary>
internal static class PngOrientation
{
    private const int SignatureLength = 8;
    private const int EntryLength = 12;
    private const int OrientationTag = 0x0112;
    private const int ShortType = 3;

    /// <summary>The orientation; <see cref="SKEncodedOrigin.TopLeft"/> where the file states none.</summary>
    /// <param name="file">A PNG file.</param>
    public static SKEncodedOrigin Of(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> rest = file[Math.Min(SignatureLength, file.Length)..];
        while (rest.Length >= 12)
        {
            // Length, name, content, checksum.
            long length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12)
            {
                break;
            }

            if (rest.Slice(4, 4).SequenceEqual("eXIf"u8))
            {
                return OfExif(rest.Slice(8, (int)length));
            }

            rest = rest[(int)(length + 12)..];
        }

        return SKEncodedOrigin.TopLeft;
    }

    // A TIFF file: byte order, 42, where the first directory is; there a count, and entries of tag, type, number of values and value.
    private static SKEncodedOrigin OfExif(ReadOnlySpan<byte> exif)
    {
        if (exif.Length < 8 || !(exif.StartsWith("II*\0"u8) || exif.StartsWith("MM\0*"u8)))
        {
            return SKEncodedOrigin.TopLeft;
        }

        bool isLittle = exif[0] == (byte)'I';
        long directory = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (directory + 2 > exif.Length)
        {
            return SKEncodedOrigin.TopLeft;
        }

        int count = Short(exif[(int)directory..], isLittle);
        ReadOnlySpan<byte> entries = exif[((int)directory + 2)..];
        for (; count > 0 && entries.Length >= EntryLength; count--, entries = entries[EntryLength..])
        {
            if (Short(entries, isLittle) == OrientationTag)
            {
                int value = Short(entries[8..], isLittle);
                return Short(entries[2..], isLittle) == ShortType && value is >= 1 and <= 8 ? (SKEncodedOrigin)value : SKEncodedOrigin.TopLeft;
            }
        }

        return SKEncodedOrigin.TopLeft;
    }

    private static int Short(ReadOnlySpan<byte> bytes, bool isLittle) => isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
}
