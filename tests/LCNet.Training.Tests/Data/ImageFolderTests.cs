using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;
using SkiaSharp;

namespace LCNet.Training.Tests.Data;

public class ImageFolderTests
{
    [Fact]
    public void Read_ImagesOfTheRightSize_AreTheirPixels()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(1);
        var expected = new Dictionary<string, byte[]>();

        // Ordinal order: capitals before small letters, and 10 before 9.
        foreach (string file in new[] { "b/9.png", "b/10.png", "Z/x.PNG", "a/1.png" })
        {
            byte[] rgb = new byte[5 * 5 * 3];
            random.NextBytes(rgb);
            expected[file] = rgb;
            WritePng(folder.At(file), 5, 5, (x, y, c) => rgb[(((y * 5) + x) * 3) + c]);
        }

        File.WriteAllText(folder.At("b", "notes.txt"), "not an image");
        File.WriteAllText(folder.At("labels.csv"), "neither");
        ImageSet images = ImageFolder.Open(folder.Path, 5, 1 << 20);

        Assert.Equal(["Z", "a", "b"], images.Classes);
        Assert.Equal([0, 1, 2, 2], Enumerable.Range(0, images.Count).Select(images.Label));
        string[] order = ["Z/x.PNG", "a/1.png", "b/10.png", "b/9.png"];
        for (int i = 0; i < order.Length; i++)
        {
            Assert.Equal(expected[order[i]], images.Pixels(i).ToArray());
        }
    }

    [Fact]
    public void Read_WideImage_IsCroppedAtTheCentre()
    {
        using var folder = new TemporaryFolder();
        WritePng(folder.At("a/wide.png"), 16, 8, (x, y, c) => (byte)((x * 8) + (y * 3) + (c * 40)));
        WritePng(folder.At("b/tall.png"), 8, 16, (x, y, c) => (byte)((x * 3) + (y * 8) + (c * 40)));
        ImageSet images = ImageFolder.Open(folder.Path, 8, 1 << 20);
        for (int y = 0; y < 8; y++)
        {
            for (int x = 0; x < 8; x++)
            {
                for (int c = 0; c < 3; c++)
                {
                    Assert.Equal(((x + 4) * 8) + (y * 3) + (c * 40), images.Pixels(0)[(((y * 8) + x) * 3) + c]);
                    Assert.Equal((x * 3) + ((y + 4) * 8) + (c * 40), images.Pixels(1)[(((y * 8) + x) * 3) + c]);
                }
            }
        }
    }

    [Fact]
    public void Read_LargeImage_IsScaledThenCropped()
    {
        // 32×16 in flat squares of 8: the middle 16×16 hold four of them, each a quarter of the result.
        using var folder = new TemporaryFolder();
        WritePng(folder.At("a/large.png"), 32, 16, (x, y, c) => Square(x / 8, y / 8, c));
        WritePng(folder.At("b/other.png"), 8, 8, (_, _, _) => 0);
        ReadOnlySpan<byte> pixels = ImageFolder.Open(folder.Path, 8, 1 << 20).Pixels(0);
        foreach ((int x, int y) in new[] { (1, 1), (6, 1), (1, 6), (6, 6) })
        {
            for (int c = 0; c < 3; c++)
            {
                Assert.InRange(pixels[(((y * 8) + x) * 3) + c] - Square((x / 4) + 1, y / 4, c), -2, 2);
            }
        }
    }

    [Fact]
    public void Read_UnreadableFile_IsNamed()
    {
        using var folder = new TemporaryFolder();
        WritePng(folder.At("a/1.png"), 8, 8, (_, _, _) => 1);
        WritePng(folder.At("b/1.png"), 8, 8, (_, _, _) => 1);
        File.WriteAllText(folder.At("b", "broken.jpg"), "not a JPEG");
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => ImageFolder.Open(folder.Path, 8, 1 << 20));
        Assert.StartsWith(folder.At("b", "broken.jpg") + ":", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void List_ClassWithoutImages_IsNamed()
    {
        using var folder = new TemporaryFolder();
        WritePng(folder.At("a/1.png"), 8, 8, (_, _, _) => 1);
        Directory.CreateDirectory(folder.At("empty"));
        File.WriteAllText(folder.At("empty", "readme.md"), "soon");
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => ImageFolder.List(folder.Path));
        Assert.StartsWith(folder.At("empty") + ":", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void List_OneClass_IsRefused()
    {
        using var folder = new TemporaryFolder();
        WritePng(folder.At("a/1.png"), 8, 8, (_, _, _) => 1);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => ImageFolder.List(folder.Path));
        Assert.Contains("at least two classes", exception.Message, StringComparison.Ordinal);
    }

    private static byte Square(int column, int row, int plane) => (byte)(30 + (60 * column) + (20 * row) + (5 * plane));

    private static void WritePng(string path, int width, int height, Func<int, int, int, byte> pixel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                bitmap.SetPixel(x, y, new SKColor(pixel(x, y, 0), pixel(x, y, 1), pixel(x, y, 2)));
            }
        }

        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, data.ToArray());
    }
}
