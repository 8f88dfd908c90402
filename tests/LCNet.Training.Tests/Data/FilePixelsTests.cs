using LCNet.Imaging;
using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;
using SkiaSharp;
using TorchSharp;

namespace LCNet.Training.Tests.Data;

public class FilePixelsTests
{
    private const int Size = 16;
    private const int Files = 10;
    private const int Bytes = Size * Size * 3;
    private static readonly Augmentation Photos = new() { MinCropArea = 0.5, ColourJitter = 0.2, EraseProbability = 0.2 };
    private static readonly Normalisation Normalisation = new([0.5f, 0.4f, 0.3f], [0.2f, 0.25f, 0.3f]);

    [Fact]
    public void Open_SeveralUnreadableFiles_NamesAllOfThemOnceEach()
    {
        using TemporaryFolder folder = Write();
        File.WriteAllText(folder.At("a/broken.jpg"), "not a JPEG");
        File.WriteAllBytes(folder.At("b/empty.png"), []);
        byte[] whole = File.ReadAllBytes(folder.At("b/1.png"));
        File.WriteAllBytes(folder.At("b/short.png"), whole[..(whole.Length / 2)]);

        string message = Assert.Throws<InvalidDataException>(() => ImageFolder.Open(folder.Path, Size, long.MaxValue)).Message;

        string[] lines = message.Split('\n');
        Assert.Equal([folder.At("a/broken.jpg"), folder.At("b/empty.png"), folder.At("b/short.png")], lines.Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]));
    }

    [Theory]
    [InlineData(Files * Bytes, Files)]
    [InlineData((Files * Bytes) - 1, 0)]
    [InlineData(0, 0)]
    public void Open_RoomForAllImagesOrNot_KeepsAllOfThemOrNone(long cacheBytes, int kept)
    {
        using TemporaryFolder folder = Write();
        ImageSet images = ImageFolder.Open(folder.Path, Size, cacheBytes);
        DeleteFiles(folder);
        Assert.Equal(kept, Enumerable.Range(0, Files).Count(i => CanRead(() => images.Pixels(i).Length)));
    }

    [Fact]
    public void Whole_MoreThanThereIsRoomFor_KeepsWhatFitsAndReadsTheRestAgain()
    {
        using TemporaryFolder folder = Write();
        const int WholeBytes = 24 * 18 * 3;
        ImageSet images = ImageFolder.Open(folder.Path, Size, (4 * WholeBytes) + 10);
        RgbImage[] first = [.. Enumerable.Range(0, Files).Select(images.Whole)];
        Assert.All(first, image => Assert.Equal((24, 18, WholeBytes), (image.Width, image.Height, image.Rgb.Length)));
        Assert.All(first.Index(), image => Assert.Equal(image.Item.Rgb, images.Whole(image.Index).Rgb));

        DeleteFiles(folder);

        Assert.Equal(4, Enumerable.Range(0, Files).Count(i => CanRead(() => images.Whole(i).Width)));
        string message = Assert.Throws<InvalidDataException>(() => images.Whole(Files - 1)).Message;
        Assert.StartsWith(folder.At("b/4.png") + ":", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Summary_OfFilesAndOfTheirPixelsInMemory_SplitAndNormaliseAlike()
    {
        using TemporaryFolder folder = Write();
        ImageSet files = ImageFolder.Open(folder.Path, Size, 0);
        byte[] pixels = [.. Enumerable.Range(0, Files).SelectMany(i => files.Pixels(i).ToArray())];
        var memory = new ImageSet(pixels, [.. Enumerable.Range(0, Files).Select(files.Label)], Size, files.Classes);

        Assert.Equal(Split.ByContent(memory, 0.3).Validation, Split.ByContent(files, 0.3).Validation);
        Assert.Equal(Split.ByContent(memory, 0.3).Digest, Split.ByContent(files, 0.3).Digest);
        Assert.Equal(Normalisation.Of(memory, [1, 4, 7]), Normalisation.Of(files, [1, 4, 7]));
        Assert.NotEqual(Normalisation.Of(memory, [1, 4, 7]), Normalisation.Of(files, [1, 4, 8]));
    }

    [Fact]
    public void Loader_AnyCache_GivesTheSameBatchesAsReadingOneAfterTheOther()
    {
        using TemporaryFolder folder = Write();
        int[] order = [3, 1, 4, 9, 0, 2, 6, 5, 8, 7];
        float[][] all = [.. new long[] { 0, 3000, long.MaxValue }.Select(cache => Load(ImageFolder.Open(folder.Path, Size, cache), order))];
        Assert.Equal(all[0], all[1]);
        Assert.Equal(all[0], all[2]);

        var reader = new BatchReader(ImageFolder.Open(folder.Path, Size, 0), Normalisation);
        var random = new Random(11);
        using var scope = torch.NewDisposeScope();
        float[] expected = [.. order.Chunk(3).Take(3).SelectMany(batch => reader.Read(batch, Photos, 2, random).Images.contiguous().data<float>().ToArray())];
        Assert.Equal(expected, all[0]);
    }

    [Fact]
    public void Loader_FileThatIsGone_IsNamed()
    {
        using TemporaryFolder folder = Write();
        ImageSet images = ImageFolder.Open(folder.Path, Size, 0);
        File.Delete(folder.At("b/4.png"));
        using var scope = torch.NewDisposeScope();
        var reader = new BatchReader(images, Normalisation);
        Assert.StartsWith(folder.At("b/4.png") + ":", Assert.Throws<InvalidDataException>(() => reader.Read([9, 3], Photos, 0, new Random(1))).Message, StringComparison.Ordinal);
        using var loader = new BatchLoader(reader, [0, 1, 9, 3], 2, Photos, 0, 1);
        loader.Next();
        Assert.StartsWith(folder.At("b/4.png") + ":", Assert.Throws<InvalidDataException>(() => loader.Next()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Balance_UnevenClasses_TakesAsManyOfEach()
    {
        // Classes of 2, 5 and 11 images.
        int[] labels = [.. Enumerable.Repeat(0, 2), .. Enumerable.Repeat(1, 5), .. Enumerable.Repeat(2, 11)];
        int[] order = [.. Enumerable.Range(0, labels.Length)];
        new Random(1).Shuffle(order);
        int[] taken = ClassBalance.Take(order, index => labels[index]);
        Assert.Equal(order.Length, taken.Length);
        Assert.All(Enumerable.Range(0, 3), label => Assert.Equal(6, taken.Count(index => labels[index] == label)));
        Assert.Equal(5, taken.Where(index => labels[index] == 1).Distinct().Count());
        Assert.Equal(6, taken.Where(index => labels[index] == 2).Distinct().Count());
    }

    private static float[] Load(ImageSet images, int[] order)
    {
        using var scope = torch.NewDisposeScope();
        using var loader = new BatchLoader(new BatchReader(images, Normalisation), order, 3, Photos, 2, 11);
        return [.. Enumerable.Range(0, 3).SelectMany(_ => loader.Next().Images.contiguous().data<float>().ToArray())];
    }

    private static bool CanRead(Func<int> read)
    {
        try
        {
            return read() > 0;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static void DeleteFiles(TemporaryFolder folder) => Array.ForEach(Directory.GetFiles(folder.Path, "*.png", SearchOption.AllDirectories), File.Delete);

    // 48×36 pixels each, no two alike.
    private static TemporaryFolder Write()
    {
        var folder = new TemporaryFolder();
        var random = new Random(4);
        for (int i = 0; i < Files; i++)
        {
            string path = folder.At($"{(i < Files / 2 ? "a" : "b")}/{i % (Files / 2)}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var bitmap = new SKBitmap(new SKImageInfo(48, 36, SKColorType.Rgba8888, SKAlphaType.Opaque));
            random.NextBytes(bitmap.GetPixelSpan());
            for (int alpha = 3; alpha < bitmap.ByteCount; alpha += 4)
            {
                bitmap.GetPixelSpan()[alpha] = byte.MaxValue;
            }

            using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
            File.WriteAllBytes(path, data.ToArray());
        }

        return folder;
    }
}
