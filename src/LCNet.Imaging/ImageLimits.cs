namespace LCNet.Imaging;

/// <summary>What an encoded image may cost before it is refused.</summary>
public sealed record ImageLimits
{
    /// <summary>Largest file, in bytes.</summary>
    public int MaxBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Most pixels (width × height); checked from the header, before pixels are allocated.</summary>
    public long MaxPixels { get; init; } = 16 * 1024 * 1024;

    /// <summary>The defaults: 8 MiB and 16 Mi pixels, that is 64 MiB of pixels, a third more while scaling, and 96 MiB of coefficients for a progressive JPEG.</summary>
    public static ImageLimits Default { get; } = new();
}
