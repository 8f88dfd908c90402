using System.Runtime.InteropServices;
using SkiaSharp;

namespace LCNet.Imaging.Tests;

/// <summary>Known pixels: height × width × 3 bytes, row-major, RGB.</summary>
internal sealed record Picture(int Width, int Height, byte[] Rgb)
{
    /// <summary>Pictures of random pixels.</summary>
    public static Gen<Picture> Noise(int most) => Gen.Select(Gen.Int[1, most], Gen.Int[1, most], Gen.Int[0, int.MaxValue], Noise);

    public static Picture Noise(int width, int height, int seed)
    {
        byte[] rgb = new byte[width * height * 3];
        new Random(seed).NextBytes(rgb);
        return new Picture(width, height, rgb);
    }

    /// <summary>Red rises to the right, green downwards, blue to the left: any shift, flip or swap of planes shows.</summary>
    public static Picture Ramp(int width, int height)
    {
        byte[] rgb = new byte[width * height * 3];
        for (int i = 0; i < width * height; i++)
        {
            double right = ((i % width) + 0.5) / width;
            double down = ((i / width) + 0.5) / height;
            rgb[i * 3] = (byte)Math.Round(255 * right);
            rgb[(i * 3) + 1] = (byte)Math.Round(255 * down);
            rgb[(i * 3) + 2] = (byte)Math.Round(255 * (1 - right));
        }

        return new Picture(width, height, rgb);
    }

    public byte At(int x, int y, int plane) => Rgb[(((y * Width) + x) * 3) + plane];

    public byte[] Jpeg(int quality = 95) => Encode(SKEncodedImageFormat.Jpeg, quality);

    public byte[] Png() => Encode(SKEncodedImageFormat.Png, 100);

    public byte[] Webp(int quality = 80) => Encode(SKEncodedImageFormat.Webp, quality);

    public byte[] WebpLossless()
    {
        using SKBitmap bitmap = Bitmap();
        using SKPixmap pixels = bitmap.PeekPixels();
        using SKData data = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100))!;
        return data.ToArray();
    }

    /// <summary>24 bits a pixel, uncompressed. Skia reads BMP but does not write it.</summary>
    public byte[] Bmp(bool topDown = false)
    {
        int stride = ((Width * 3) + 3) / 4 * 4;
        byte[] pixels = new byte[stride * Height];
        for (int y = 0; y < Height; y++)
        {
            int row = (topDown ? y : Height - 1 - y) * stride;
            for (int x = 0; x < Width; x++)
            {
                for (int plane = 0; plane < 3; plane++)
                {
                    pixels[row + (x * 3) + 2 - plane] = At(x, y, plane);
                }
            }
        }

        return [.. RawFiles.BmpHeader(Width, topDown ? -Height : Height, pixels.Length), .. pixels];
    }

    private byte[] Encode(SKEncodedImageFormat format, int quality)
    {
        using SKBitmap bitmap = Bitmap();
        using SKData data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    private SKBitmap Bitmap()
    {
        byte[] rgba = new byte[Width * Height * 4];
        for (int i = 0; i < Width * Height; i++)
        {
            Rgb.AsSpan(i * 3, 3).CopyTo(rgba.AsSpan(i * 4));
            rgba[(i * 4) + 3] = 255;
        }

        var bitmap = new SKBitmap(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Marshal.Copy(rgba, 0, bitmap.GetPixels(), rgba.Length);
        return bitmap;
    }
}
