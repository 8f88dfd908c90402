using System.Security.Cryptography;
using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Data;

public class SplitTests
{
    private const int Size = 4;
    private static readonly string[] Classes = ["a", "b", "c"];

    // A picture is a number: few numbers make many duplicates, within a class and across classes.
    private static readonly Gen<(int Picture, int Label)[]> Sets = Gen.Select(Gen.Int[0, 400], Gen.Int[0, 2]).Array[60, 200];

    [Fact]
    public void ByContent_AnyImagesWithDuplicates_HoldsBackByDigestAndNeverStraddles() => Gen.Select(Sets, Gen.Double[0.05, 0.5]).Sample(
        (set, fraction) =>
        {
            ImageSet images = Make(set);
            Split split = Split.ByContent(images, fraction);

            Assert.Equal(Enumerable.Range(0, images.Count), split.Training.Concat(split.Validation).Order());
            Assert.Equal(split.Training.Order(), split.Training);
            Assert.Equal(split.Validation.Order(), split.Validation);
            string[] digests = [.. Enumerable.Range(0, images.Count).Select(i => Convert.ToHexString(SHA256.HashData(images.Pixels(i))))];
            Assert.Empty(split.Training.Select(i => digests[i]).Intersect(split.Validation.Select(i => digests[i])));

            // Brute force: an image is held back where its digest is among the lowest of any class that has it.
            var held = new HashSet<string>();
            for (int label = 0; label < Classes.Length; label++)
            {
                string[] ofClass = [.. digests.Where((_, i) => images.Label(i) == label).Distinct().Order(StringComparer.Ordinal)];
                held.UnionWith(ofClass.Take(Math.Max(1, (int)Math.Round(fraction * ofClass.Length))));
            }

            Assert.Equal(held.Order(StringComparer.Ordinal), split.Validation.Select(i => digests[i]).Distinct().Order(StringComparer.Ordinal));
        },
        iter: 100);

    [Fact]
    public void ByContent_FilesInAnotherOrder_HoldsBackTheSameImages() => Gen.Select(Sets, Gen.Int[1, 1000]).Sample(
        (set, seed) =>
        {
            (int Picture, int Label)[] shuffled = [.. set];
            new Random(seed).Shuffle(shuffled);
            Assert.Equal(Held(set), Held(shuffled));
            Assert.Equal(Split.ByContent(Make(set), 0.2).Digest, Split.ByContent(Make(shuffled), 0.2).Digest);
        },
        iter: 100);

    [Fact]
    public void Digest_OtherImagesHeldBack_IsAnother()
    {
        (int, int)[] set = [.. Enumerable.Range(0, 300).Select(i => (i, i % 3))];
        string[] digests =
        [
            Split.ByContent(Make(set), 0.1).Digest, Split.ByContent(Make(set), 0.2).Digest, Split.ByContent(Make([.. set.Skip(30)]), 0.1).Digest,
        ];
        Assert.Equal(3, digests.Distinct().Count());
        Assert.All(digests, digest => Assert.Matches("^[0-9a-f]{64}$", digest));
    }

    [Theory]
    [InlineData(0.1, 10)]
    [InlineData(0.25, 25)]
    [InlineData(0.001, 1)]
    public void ByContent_DistinctImages_HoldsTheFractionOfEveryClassBack(double fraction, int expected)
    {
        ImageSet images = Make([.. Enumerable.Range(0, 300).Select(i => (i, i % 3))]);
        Split split = Split.ByContent(images, fraction);
        Assert.All(split.Validation.CountBy(images.Label), count => Assert.Equal(expected, count.Value));
        Assert.Equal(3 * expected, split.Validation.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void ByContent_FractionOutOfRange_IsRefused(double fraction)
    {
        ImageSet images = RandomImages.Make(30, Size, 1);
        Assert.Throws<ArgumentException>(() => Split.ByContent(images, fraction));
    }

    [Fact]
    public void ByContent_ClassOfOneDistinctImage_IsRefusedNamingIt()
    {
        ImageSet images = Make([.. Enumerable.Range(0, 20).Select(i => (i, 0)), (50, 1), (50, 1), (50, 1)]);
        Assert.Contains("Class b", Assert.Throws<ArgumentException>(() => Split.ByContent(images, 0.1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ByContent_ClassLostToDuplicatesInAnother_IsRefusedNamingIt()
    {
        // Class b holds one of its two images back, and class a holds back the other.
        int[] byDigest = [.. Enumerable.Range(0, 40).OrderBy(picture => Convert.ToHexString(SHA256.HashData(Picture(picture))), StringComparer.Ordinal)];
        ImageSet images = Make(
        [
            .. byDigest[1..20].Select(picture => (picture, 0)),
            (byDigest[0], 1),
            (byDigest[1], 1),
            .. byDigest[20..].Select(picture => (picture, 2)),
        ]);
        Assert.Contains("Class b", Assert.Throws<ArgumentException>(() => Split.ByContent(images, 0.05)).Message, StringComparison.Ordinal);
    }

    private static (string, int)[] Held((int Picture, int Label)[] set)
    {
        ImageSet images = Make(set);
        return [.. Split.ByContent(images, 0.2).Validation.Select(i => (Convert.ToHexString(images.Pixels(i)), images.Label(i))).Order()];
    }

    private static ImageSet Make((int Picture, int Label)[] set) =>
        new([.. set.SelectMany(image => Picture(image.Picture))], [.. set.Select(image => image.Label)], Size, Classes);

    private static byte[] Picture(int number)
    {
        byte[] pixels = new byte[Size * Size * 3];
        new Random(number).NextBytes(pixels);
        return pixels;
    }
}
