using SkiaSharp;

namespace LCNet.Imaging;

/// <summary>A part of an image, drawn at another size: what training on photos changes at random. Thread-safe.</summary>
public static class ResizedCrop
{
    /// <summary>Draws a rectangle of an image so that it fills a square.</summary>
    /// <param name="left">Its left edge in pixels.</param>
    /// <param name="top">Its upper edge in pixels.</param>
    /// <param name="width">Its width in pixels.</param>
    /// <param name="height">Its height in pixels.</param>
    /// <param name="mirror">Whether left and right change places.</param>
    /// <param name="colours">
    /// What happens to colours: for red, green, blue and alpha each four factors, of the same four, and a term, all in units of [0, 1] and row-major; null for nothing.
    /// </param>
    /// <param name="size">Height and width of the result in pixels.</param>
    /// <param name="destination">Takes size × size × 3 bytes, row-major, RGB.</param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public static void Draw(RgbImage image, float left, float top, float width, float height, bool mirror, float[]? colours, int size, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (destination.Length != 3 * size * size)
        {
            throw new ArgumentException($"{size}×{size} pixels take {3 * size * size} bytes, not {destination.Length}.", nameof(destination));
        }

        using SKBitmap source = FromRgb(image);
        using var result = new SKBitmap(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using var canvas = new SKCanvas(result);
        using SKColorFilter? filter = colours is null ? null : SKColorFilter.CreateColorMatrix(colours);
        using var paint = new SKPaint { ColorFilter = filter };
        if (mirror)
        {
            canvas.Scale(-1, 1, size / 2f, 0);
        }

        // Skia copies the pixels of a bitmap that may still change.
        source.SetImmutable();
        using SKImage drawn = SKImage.FromBitmap(source);
        canvas.DrawImage(
            drawn,
            SKRect.Create(left, top, width, height),
            SKRect.Create(0, 0, size, size),
            new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear),
            paint);
        ReadOnlySpan<byte> rgba = result.GetPixelSpan();
        for (int i = 0; i < size * size; i++)
        {
            rgba.Slice(i * 4, 3).CopyTo(destination[(i * 3)..]);
        }
    }

    private static SKBitmap FromRgb(RgbImage image)
    {
        var bitmap = new SKBitmap(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        Span<byte> rgba = bitmap.GetPixelSpan();
        for (int i = 0; i < image.Width * image.Height; i++)
        {
            image.Rgb.AsSpan(i * 3, 3).CopyTo(rgba[(i * 4)..]);
            rgba[(i * 4) + 3] = byte.MaxValue;
        }

        return bitmap;
    }
}
