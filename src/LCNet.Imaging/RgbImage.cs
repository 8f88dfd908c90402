namespace LCNet.Imaging;

/// <summary>A decoded image.</summary>
/// <param name="Width">In pixels.</param>
/// <param name="Height">In pixels.</param>
/// <param name="Rgb">Height × width × 3 bytes, row-major, RGB.</param>
public sealed record RgbImage(int Width, int Height, byte[] Rgb);
