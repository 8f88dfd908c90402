using SkiaSharp;

namespace LCNet.Imaging;

/// <summary>Decodes JPEG, PNG, WebP and BMP files to RGB bytes of one size. Thread-safe.</summary>
/// <remarks>
/// The orientation that EXIF data states is applied, in JPEG, PNG and WebP files. Transparent pixels are drawn on black. Colour profiles are not applied: values are taken as if they were
/// sRGB's. Of an animation the first picture is read. Samples of 16 bits are reduced to 8; grey, palette and CMYK images become RGB.
/// </remarks>
public static class ImageDecoder
{
    private const string Truncated = "the image is truncated";

    private static readonly SKEncodedImageFormat[] Formats =
        [SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Png, SKEncodedImageFormat.Webp, SKEncodedImageFormat.Bmp];

    /// <summary>Decodes an image, turns it upright, scales it until its shorter side fits and crops it at the centre.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <param name="width">Width of the result in pixels.</param>
    /// <param name="height">Height of the result in pixels.</param>
    /// <param name="limits">Checked before pixels are allocated.</param>
    /// <param name="destination">Takes height × width × 3 bytes, row-major, RGB.</param>
    /// <exception cref="ImageFormatException">Not a readable image, or over a limit.</exception>
    /// <exception cref="ArgumentException">The destination has another length, or a side is below 1.</exception>
    public static void Decode(ReadOnlySpan<byte> encoded, int width, int height, ImageLimits limits, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        long length = 3L * width * height;
        if (destination.Length != length)
        {
            throw new ArgumentException($"{width}×{height} pixels take {length} bytes, not {destination.Length}.", nameof(destination));
        }

        CheckLength(encoded, limits);
        using SKBitmap full = DecodePixels(encoded, limits, out SKEncodedOrigin origin);

        // Turned last, when there are fewest pixels: scaling and cropping at the centre do the same to an image that lies on its side.
        (int storedWidth, int storedHeight) = IsOnItsSide(origin) ? (height, width) : (width, height);
        CopyFitted(full, storedWidth, storedHeight, origin, width, destination);
    }

    /// <summary>Decodes a whole image, turns it upright, and scales it down until its shorter side fits; what is smaller stays as it is.</summary>
    /// <param name="encoded">The file's bytes.</param>
    /// <param name="shorterSide">In pixels.</param>
    /// <param name="limits">Checked before pixels are allocated.</param>
    /// <exception cref="ImageFormatException">Not a readable image, or over a limit.</exception>
    public static RgbImage DecodeWhole(ReadOnlySpan<byte> encoded, int shorterSide, ImageLimits limits)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shorterSide);
        CheckLength(encoded, limits);
        using SKBitmap full = DecodePixels(encoded, limits, out SKEncodedOrigin origin);
        float scale = Math.Min(1, shorterSide / (float)Math.Min(full.Width, full.Height));
        (int storedWidth, int storedHeight) = ((int)MathF.Round(full.Width * scale), (int)MathF.Round(full.Height * scale));
        (int width, int height) = IsOnItsSide(origin) ? (storedHeight, storedWidth) : (storedWidth, storedHeight);
        byte[] rgb = new byte[3 * width * height];
        CopyFitted(full, storedWidth, storedHeight, origin, width, rgb);
        return new RgbImage(width, height, rgb);
    }

    private static void CheckLength(ReadOnlySpan<byte> encoded, ImageLimits limits)
    {
        if (encoded.Length > limits.MaxBytes)
        {
            throw new ImageFormatException($"the image has {encoded.Length} bytes; the limit is {limits.MaxBytes}");
        }
    }

    private static bool IsOnItsSide(SKEncodedOrigin origin) => origin >= SKEncodedOrigin.LeftTop;

    private static unsafe SKBitmap DecodePixels(ReadOnlySpan<byte> encoded, ImageLimits limits, out SKEncodedOrigin origin)
    {
        if (encoded.IsEmpty)
        {
            throw new ImageFormatException("the image is empty");
        }

        // Unsafe, so that Skia reads the caller's bytes where they are instead of a copy.
        fixed (byte* bytes = encoded)
        {
            using SKData data = SKData.Create((nint)bytes, encoded.Length);
            using SKCodec? codec = SKCodec.Create(data);
            if (codec is null || !Formats.Contains(codec.EncodedFormat))
            {
                throw new ImageFormatException(codec is null && FileEnd.IsMissing(encoded) ? Truncated : "the image is not a readable JPEG, PNG, WebP or BMP file");
            }

            origin = codec.EncodedFormat == SKEncodedImageFormat.Png ? PngOrientation.Of(encoded) : codec.EncodedOrigin;

            long pixels = (long)codec.Info.Width * codec.Info.Height;
            if (pixels is 0 || pixels > limits.MaxPixels)
            {
                throw new ImageFormatException($"the image has {codec.Info.Width}×{codec.Info.Height} pixels; the limit is {limits.MaxPixels} in all");
            }

            var bitmap = new SKBitmap(new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Premul));
            SKCodecResult result = codec.GetPixels(bitmap.Info, bitmap.GetPixels());
            if (result != SKCodecResult.Success)
            {
                bitmap.Dispose();
                throw new ImageFormatException(result == SKCodecResult.IncompleteInput || FileEnd.IsMissing(encoded) ? Truncated : $"the image cannot be decoded ({result})");
            }

            return bitmap;
        }
    }

    // Scaled to the stored size where it has another one, and turned upright.
    private static void CopyFitted(SKBitmap full, int storedWidth, int storedHeight, SKEncodedOrigin origin, int width, Span<byte> destination)
    {
        if (full.Width == storedWidth && full.Height == storedHeight)
        {
            CopyRgb(full, origin, width, destination);
            return;
        }

        using SKBitmap fitted = Fit(full, storedWidth, storedHeight);
        CopyRgb(fitted, origin, width, destination);
    }

    private static SKBitmap Fit(SKBitmap image, int width, int height)
    {
        var result = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul));
        using var canvas = new SKCanvas(result);
        canvas.Clear(SKColors.Black);
        float scale = Math.Max(width / (float)image.Width, height / (float)image.Height);
        float scaledWidth = image.Width * scale;
        float scaledHeight = image.Height * scale;

        // Skia copies the pixels of a bitmap that may still change.
        image.SetImmutable();
        using SKImage source = SKImage.FromBitmap(image);
        canvas.DrawImage(
            source,
            SKRect.Create((width - scaledWidth) / 2, (height - scaledHeight) / 2, scaledWidth, scaledHeight),
            new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        return result;
    }

    // Premultiplied pixels are what drawing on black gives. An origin says where the first row and the first column of the stored image belong.
    private static void CopyRgb(SKBitmap stored, SKEncodedOrigin origin, int width, Span<byte> destination)
    {
        ReadOnlySpan<byte> rgba = stored.GetPixelSpan();
        bool isOnItsSide = IsOnItsSide(origin);
        bool isMirrored = origin is SKEncodedOrigin.TopRight or SKEncodedOrigin.BottomRight or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        bool isUpsideDown = origin is SKEncodedOrigin.BottomRight or SKEncodedOrigin.BottomLeft or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom;
        for (int i = 0; i < destination.Length / 3; i++)
        {
            int x = i % width;
            int y = i / width;
            (int column, int row) = isOnItsSide ? (y, x) : (x, y);
            column = isMirrored ? stored.Width - 1 - column : column;
            row = isUpsideDown ? stored.Height - 1 - row : row;
            rgba.Slice(((row * stored.Width) + column) * 4, 3).CopyTo(destination[(i * 3)..]);
        }
    }
}
