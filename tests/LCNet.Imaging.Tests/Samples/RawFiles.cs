using System.Buffers.Binary;
using System.IO.Compression;

namespace LCNet.Imaging.Tests;

/// <summary>Image files made byte by byte, where an encoder would not make them.</summary>
internal static class RawFiles
{
    /// <summary>Colour types of PNG.</summary>
    public const byte Grey = 0;
    public const byte Truecolour = 2;
    public const byte TruecolourWithAlpha = 6;

    private static readonly byte[] PngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    /// <summary>A sound GIF of one pixel.</summary>
    public static byte[] Gif { get; } = Convert.FromHexString("47494638396101000100800000000000FFFFFF2C00000000010001000002024401003B");

    /// <summary>A PNG with right checksums, of 8 bits a sample.</summary>
    /// <param name="width">As the header has it.</param>
    /// <param name="height">As the header has it.</param>
    /// <param name="colourType">One of the constants above.</param>
    /// <param name="rows">Samples of the rows that are there, which may be fewer than the header says.</param>
    public static byte[] Png(int width, int height, byte colourType, params byte[][] rows)
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = colourType;
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            foreach (byte[] row in rows)
            {
                zlib.WriteByte(0);
                zlib.Write(row);
            }
        }

        return [.. PngSignature, .. Chunk("IHDR", header), .. Chunk("IDAT", packed.ToArray()), .. Chunk("IEND", [])];
    }

    /// <summary>The 54 bytes before the pixels of a BMP of 24 bits; a negative height means top-down.</summary>
    public static byte[] BmpHeader(int width, int height, int pixelBytes)
    {
        byte[] header = new byte[54];
        header[0] = (byte)'B';
        header[1] = (byte)'M';
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(2), 54 + pixelBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(22), height);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(26), 1);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(28), 24);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(34), pixelBytes);
        return header;
    }

    /// <summary>A sound PNG inside an icon file.</summary>
    public static byte[] Ico(byte[] png)
    {
        byte[] header = new byte[22];
        header[2] = 1;
        header[4] = 1;
        header[6] = 1;
        header[7] = 1;
        header[10] = 1;
        header[12] = 32;
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(14), png.Length);
        header[18] = 22;
        return [.. header, .. png];
    }

    /// <summary>Makes a JPEG claim other sides, in the header of its first frame.</summary>
    public static byte[] JpegOfSize(byte[] jpeg, ushort width, ushort height)
    {
        byte[] result = [.. jpeg];
        int frame = result.AsSpan().IndexOf<byte>([0xFF, 0xC0]);
        Assert.True(frame > 0);
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(frame + 5), height);
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(frame + 7), width);
        return result;
    }

    private static byte[] Chunk(string name, byte[] content)
    {
        byte[] chunk = new byte[12 + content.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
        for (int i = 0; i < 4; i++)
        {
            chunk[4 + i] = (byte)name[i];
        }

        content.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + content.Length), Crc(chunk.AsSpan(4, 4 + content.Length)));
        return chunk;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
            }
        }

        return ~crc;
    }
}
