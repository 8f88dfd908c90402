using Google.Protobuf;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>Random images, each seed another one, and requests that carry them.</summary>
internal static class TestImages
{
    /// <summary>Height × width × 3 bytes.</summary>
    public static byte[] Rgb(int seed, int side = TestBundle.Side)
    {
        byte[] rgb = new byte[side * side * 3];
        new Random(seed).NextBytes(rgb);
        return rgb;
    }

    public static byte[] Encode(SKEncodedImageFormat format, int seed, int side = TestBundle.Side)
    {
        byte[] rgb = Rgb(seed, side);
        byte[] rgba = new byte[side * side * 4];
        for (int i = 0; i < side * side; i++)
        {
            rgb.AsSpan(i * 3, 3).CopyTo(rgba.AsSpan(i * 4));
            rgba[(i * 4) + 3] = byte.MaxValue;
        }

        using SKImage image = SKImage.FromPixelCopy(new SKImageInfo(side, side, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
        using SKData data = image.Encode(format, 90);
        return data.ToArray();
    }

    public static ClassifyRequest Png(int seed) => new() { EncodedImage = ByteString.CopyFrom(Encode(SKEncodedImageFormat.Png, seed)) };

    public static Tensor Tensor(InputSpec input, int seed)
    {
        float[] values = new float[input.Length];
        Pixels.Normalise(Rgb(seed, input.Width), input.Mean, input.Std, values);
        return new Tensor { Shape = { 3, input.Height, input.Width }, Values = { values } };
    }

    /// <summary>A PNG file of a few bytes that claims any size.</summary>
    public static byte[] PngBomb(int width, int height)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = [.. BigEndian(width), .. BigEndian(height), 8, 2, 0, 0, 0];
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, [0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]);
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>Writes a chunk of a PNG file.</summary>
    internal static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] body = [.. type, .. data];
        file.Write(BigEndian(data.Length));
        file.Write(body);
        uint crc = uint.MaxValue;
        foreach (byte value in body)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            }
        }

        file.Write(BigEndian((int)~crc));
    }

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
}
