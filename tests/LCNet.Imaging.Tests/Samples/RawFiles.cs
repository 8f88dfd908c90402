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

    /// <summary>A progressive JPEG of 24×20 pixels, which Skia does not write: noise, by libjpeg's <c>cjpeg -progressive</c>.</summary>
    public static byte[] ProgressiveJpeg { get; } = Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZP" +
        "NS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wgARCAAUABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAEC/8QAFQEBAQAA" +
        "AAAAAAAAAAAAAAAAAAH/2gAMAwEAAhADEAAAAYoiomSgs//EABwQAAICAgMAAAAAAAAAAAAAAAECAxEAIRIjMv/aAAgBAQABBQJawUG0relFlVyLscHnK+5P/8QAFBEBAAAAAAAAAAAA" +
        "AAAAAAAAIP/aAAgBAwEBPwEf/8QAFhEAAwAAAAAAAAAAAAAAAAAAAAEQ/9oACAECAQE/Aaj/xAAgEAABAgYDAQAAAAAAAAAAAAABAAIDESEiMUESUZJC/9oACAEBAAY/ApQfStq85PRV" +
        "b4mxhHlZD3tW0YMnsKUH0gX1Kk7DTRGH8hf/xAAiEAACAQMDBQEAAAAAAAAAAAABEQAhMVFBgfBhcZHB0eH/2gAIAQEAAT8h0pvwPYxgK4rEGSR4D1CyugZcUYCmK58KR8YFstjNEBh2" +
        "0hDV0QxX8hts4G0//9oADAMBAAIAAwAAABDTML//xAAXEQEBAQEAAAAAAAAAAAAAAAAAARFB/9oACAEDAQE/EGXiMf/EABgRAQEAAwAAAAAAAAAAAAAAAAEAESEx/9oACAECAQE/ELEc" +
        "gJu//8QAHxAAAgICAwADAAAAAAAAAAAAAREhMQBBUWFxgaGx/9oACAEBAAE/EDEypEinMNkC+8S79xZGDJPUYQEECcwGixFJ85UAKjaCLE39PcUbWKNaMwGBzhqhEkkq5Gid9d5vcBSA" +
        "lqLJwgnFJGCi4C8OmnwZSXezn//Z");

    /// <summary>A PNG with right checksums, of 8 bits a sample unless said otherwise.</summary>
    /// <param name="width">As the header has it.</param>
    /// <param name="height">As the header has it.</param>
    /// <param name="colourType">One of the constants above.</param>
    /// <param name="rows">Samples of the rows that are there, which may be fewer than the header says.</param>
    public static byte[] Png(int width, int height, byte colourType, params byte[][] rows) => Png(width, height, 8, colourType, [], rows);

    /// <summary>As before, with further chunks in front of the pixels.</summary>
    public static byte[] Png(int width, int height, byte bits, byte colourType, byte[] chunks, byte[][] rows)
    {
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = bits;
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

        return [.. PngSignature, .. Chunk("IHDR", header), .. chunks, .. Chunk("IDAT", packed.ToArray()), .. Chunk("IEND", [])];
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

    /// <summary>EXIF data with nothing but an orientation, as a TIFF file of its own.</summary>
    public static byte[] Exif(ushort orientation, bool bigEndian) => bigEndian
        ? [.. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, (byte)(orientation >> 8), (byte)orientation, 0, 0, 0, 0, 0, 0]
        : [.. "II"u8, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (byte)orientation, (byte)(orientation >> 8), 0, 0, 0, 0, 0, 0];

    /// <summary>A JPEG file with EXIF data.</summary>
    public static byte[] JpegWith(byte[] jpeg, byte[] exif)
    {
        int length = exif.Length + 8;
        return [.. jpeg[..2], 0xFF, 0xE1, (byte)(length >> 8), (byte)length, .. "Exif\0\0"u8, .. exif, .. jpeg[2..]];
    }

    /// <summary>A PNG file with EXIF data.</summary>
    public static byte[] PngWith(byte[] png, byte[] exif)
    {
        const int HeaderEnd = 33;
        return [.. png[..HeaderEnd], .. Chunk("eXIf", exif), .. png[HeaderEnd..]];
    }

    /// <summary>A WebP file with EXIF data.</summary>
    public static byte[] WebpWith(byte[] webp, int width, int height, byte[] exif) =>
        Webp(width, height, 8, [.. webp[12..], .. RiffChunk("EXIF", exif)]);

    /// <summary>A WebP file that shows several pictures one after the other.</summary>
    public static byte[] AnimatedWebp(int width, int height, params byte[][] stills)
    {
        byte[] size = [(byte)(width - 1), (byte)((width - 1) >> 8), 0, (byte)(height - 1), (byte)((height - 1) >> 8), 0];
        byte[] frames = [.. stills.SelectMany(still => RiffChunk("ANMF", [0, 0, 0, 0, 0, 0, .. size, 100, 0, 0, 0, .. still[12..]]))];
        return Webp(width, height, 2, [.. RiffChunk("ANIM", [0, 0, 0, 0, 0, 0]), .. frames]);
    }

    private static byte[] Webp(int width, int height, byte flags, byte[] chunks)
    {
        byte[] extended = [flags, 0, 0, 0, (byte)(width - 1), (byte)((width - 1) >> 8), 0, (byte)(height - 1), (byte)((height - 1) >> 8), 0];
        return RiffChunk("RIFF", [.. "WEBP"u8, .. RiffChunk("VP8X", extended), .. chunks]);
    }

    private static byte[] RiffChunk(string name, byte[] content)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, content.Length);
        return [.. name.Select(letter => (byte)letter), .. length, .. content, .. new byte[content.Length % 2]];
    }

    internal static byte[] Chunk(string name, byte[] content)
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
