using LCNet.Imaging;
using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;
using SkiaSharp;
using TorchSharp;

namespace LCNet.Training.Tests.Data;

public class BatchReaderTests
{
    private const int Size = 8;
    private static readonly Normalisation Normalisation = new([0.5012f, 0.4487f, 0.3999f], [0.31f, 0.27f, 0.35f]);
    private static readonly ImageSet Images = RandomImages.Make(6, Size, 1);

    [Fact]
    public void Read_NoAugmentation_EqualsTheFormulaInDoublePrecision()
    {
        using var scope = torch.NewDisposeScope();
        (torch.Tensor images, torch.Tensor labels) = new BatchReader(Images, Normalisation).Read([4, 0, 5], Augmentation.None, 0, new Random(1));

        Assert.Equal([3, 3, Size, Size], images.shape);
        Assert.Equal([Images.Label(4), Images.Label(0), Images.Label(5)], labels.data<long>().ToArray());
        foreach ((int row, int index) in new[] { (0, 4), (1, 0), (2, 5) })
        {
            for (int y = 0; y < Size; y++)
            {
                for (int x = 0; x < Size; x++)
                {
                    for (int c = 0; c < 3; c++)
                    {
                        Assert.Equal(Expected(index, x, y, c), images[row, c, y, x].ToSingle(), 1e-5);
                    }
                }
            }
        }
    }

    [Fact]
    public void Read_ImageFile_IsToTheBitWhatServingReads()
    {
        // Stored on its side, larger than the network's input: every step on the way shows.
        byte[] exif = [.. "Exif\0\0"u8, .. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        using SKBitmap photo = new(new SKImageInfo(50, 40, SKColorType.Rgba8888, SKAlphaType.Opaque));
        new Random(3).NextBytes(photo.GetPixelSpan());
        using SKData encoded = photo.Encode(SKEncodedImageFormat.Jpeg, 90);
        byte[] jpeg = encoded.ToArray();
        byte[] file = [.. jpeg[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. jpeg[2..]];
        using var folder = new TemporaryFolder();
        foreach (string label in new[] { "a", "b" })
        {
            Directory.CreateDirectory(Path.Combine(folder.Path, label));
            File.WriteAllBytes(Path.Combine(folder.Path, label, "image.jpg"), file);
        }

        const int Side = 24;
        float[] served = new float[3 * Side * Side];
        new InputReader(Side, Side, Normalisation.Mean, Normalisation.Std, ImageLimits.Default).Read(file, served);
        using var scope = torch.NewDisposeScope();
        (torch.Tensor images, _) = new BatchReader(ImageFolder.Open(folder.Path, Side, 1 << 20), Normalisation).Read([0], Augmentation.None, 0, new Random(1));

        Assert.Equal(served, images.contiguous().data<float>().ToArray());
        float[] unturned = new float[served.Length];
        new InputReader(Side, Side, Normalisation.Mean, Normalisation.Std, ImageLimits.Default).Read(jpeg, unturned);
        Assert.NotEqual(served, unturned);
    }

    [Fact]
    public void Read_AnyBatch_IsChannelsLastInMemory()
    {
        using var scope = torch.NewDisposeScope();
        (torch.Tensor images, _) = new BatchReader(Images, Normalisation).Read([1, 2], new Augmentation(), 0, new Random(1));
        Assert.Equal([3L * Size * Size, 1, 3 * Size, 3], images.stride());
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(2, false)]
    [InlineData(0, true)]
    public void Read_CropAndFlip_GivesEveryShiftAndMirrorAndNothingElse(int padding, bool flip)
    {
        float[] pixels = Planes(3);
        var variants = new Dictionary<(int X, int Y, bool Mirrored), float[]>();
        for (int shiftY = -padding; shiftY <= padding; shiftY++)
        {
            for (int shiftX = -padding; shiftX <= padding; shiftX++)
            {
                variants[(shiftX, shiftY, false)] = Shifted(pixels, shiftX, shiftY, false);
                if (flip)
                {
                    variants[(shiftX, shiftY, true)] = Shifted(pixels, shiftX, shiftY, true);
                }
            }
        }

        var reader = new BatchReader(Images, Normalisation);
        var random = new Random(7);
        var seen = new HashSet<(int, int, bool)>();
        for (int draw = 0; draw < 20 * variants.Count; draw++)
        {
            float[] actual = ReadOne(reader, 3, new Augmentation { CropPadding = padding, Flip = flip }, random, draw);
            seen.Add(Assert.Single(variants, variant => variant.Value.AsSpan().SequenceEqual(actual)).Key);
        }

        Assert.Equal(variants.Count, seen.Count);
    }

    [Fact]
    public void Read_Flip_MirrorsAnImageEveryOtherEpochAndHalfOfThemInEach()
    {
        ImageSet images = RandomImages.Make(400, Size, 2);
        var reader = new BatchReader(images, Normalisation);
        Augmentation flip = Augmentation.None with { Flip = true };
        int[] all = [.. Enumerable.Range(0, images.Count)];
        bool[][] mirrored = [.. Enumerable.Range(0, 4).Select(epoch => all.Select(i =>
            !ReadOne(reader, i, flip, new Random(1), epoch).AsSpan().SequenceEqual(ReadOne(reader, i, Augmentation.None, new Random(1)))).ToArray())];

        Assert.InRange(mirrored[0].Count(one => one), 160, 240);
        Assert.InRange(mirrored[0].Zip(mirrored[0].Skip(1)).Count(pair => pair.First == pair.Second), 160, 240);
        Assert.Equal(mirrored[0].Select(one => !one), mirrored[1]);
        Assert.Equal(mirrored[0], mirrored[2]);
        Assert.Equal(mirrored[1], mirrored[3]);
    }

    [Fact]
    public void Read_Erase_ClearsOneSquareWithinTheImage()
    {
        float[] pixels = Planes(2);
        Assert.DoesNotContain(0f, pixels);
        var reader = new BatchReader(Images, Normalisation);
        var random = new Random(3);
        var sides = new HashSet<int>();
        for (int draw = 0; draw < 200; draw++)
        {
            float[] actual = ReadOne(reader, 2, Augmentation.None with { EraseProbability = 1 }, random);
            int[] erased = [.. Enumerable.Range(0, Size * Size).Where(p => actual[p] == 0)];
            int side = (int)Math.Sqrt(erased.Length);
            sides.Add(side);
            (int left, int top) = (erased.Min(p => p % Size), erased.Min(p => p / Size));
            for (int i = 0; i < actual.Length; i++)
            {
                int p = i % (Size * Size);
                bool inside = p % Size >= left && p % Size < left + side && p / Size >= top && p / Size < top + side;
                Assert.Equal(inside ? 0 : pixels[i], actual[i]);
            }
        }

        // An eighth to just under a half of the image's side.
        Assert.Equal([1, 2, 3], sides.Order());
    }

    [Fact]
    public void Read_EraseProbability_IsTheShareOfErasedImages()
    {
        float[] pixels = Planes(2);
        var reader = new BatchReader(Images, Normalisation);
        var random = new Random(4);
        int erased = Enumerable.Range(0, 400).Count(_ =>
            !ReadOne(reader, 2, Augmentation.None with { EraseProbability = 0.25 }, random).AsSpan().SequenceEqual(pixels));
        Assert.InRange(erased, 70, 130);
    }

    [Fact]
    public void Read_SameSeed_GivesTheSameBatch()
    {
        var augmentation = new Augmentation { CropPadding = 2, EraseProbability = 0.5 };
        int[] indices = [0, 1, 2, 3, 4, 5];
        float[] first = ReadAll(new BatchReader(Images, Normalisation), indices, augmentation, new Random(5));
        float[] again = ReadAll(new BatchReader(Images, Normalisation), indices, augmentation, new Random(5));
        float[] other = ReadAll(new BatchReader(Images, Normalisation), indices, augmentation, new Random(6));
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public void Read_NextBatchOfTheSameSize_LeavesTheEarlierOneAsItWas()
    {
        using var scope = torch.NewDisposeScope();
        var reader = new BatchReader(Images, Normalisation);
        (torch.Tensor first, _) = reader.Read([0, 1], Augmentation.None, 0, new Random(1));
        float[] before = first.contiguous().data<float>().ToArray();
        reader.Read([2, 3], Augmentation.None, 0, new Random(1));
        Assert.Equal(before, first.contiguous().data<float>().ToArray());
    }

    private static double Expected(int index, int x, int y, int c) =>
        ((Images.Pixels(index)[(((y * Size) + x) * 3) + c] / 255.0) - Normalisation.Mean[c]) / Normalisation.Std[c];

    // Brute force: pad with what the edge mirrors, cut out, mirror.
    private static float[] Shifted(float[] planes, int shiftX, int shiftY, bool mirrored)
    {
        float[] result = new float[planes.Length];
        for (int i = 0; i < planes.Length; i++)
        {
            (int c, int y, int x) = (i / (Size * Size), Mirrored((i / Size % Size) + shiftY), Mirrored((i % Size) + shiftX));
            int target = mirrored ? i - (i % Size) + Size - 1 - (i % Size) : i;
            result[target] = planes[(((c * Size) + y) * Size) + x];
        }

        return result;
    }

    // 2 1 | 0 1 2 ... 7 | 6 5
    private static int Mirrored(int at) => at < 0 ? -at : at >= Size ? (2 * (Size - 1)) - at : at;

    private static float[] Planes(int index) => ReadOne(new BatchReader(Images, Normalisation), index, Augmentation.None, new Random(1));

    private static float[] ReadOne(BatchReader reader, int index, Augmentation augmentation, Random random, int epoch = 0) =>
        ReadAll(reader, [index], augmentation, random, epoch);

    private static float[] ReadAll(BatchReader reader, int[] indices, Augmentation augmentation, Random random, int epoch = 0)
    {
        using var scope = torch.NewDisposeScope();
        return reader.Read(indices, augmentation, epoch, random).Images.contiguous().data<float>().ToArray();
    }
}
