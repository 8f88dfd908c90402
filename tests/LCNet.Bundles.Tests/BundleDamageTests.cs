using System.Text;

namespace LCNet.Bundles.Tests;

/// <summary>Opening bundles of which any part was damaged.</summary>
public class BundleDamageTests
{
    [Fact]
    public void Open_FlippedBitInAnyByteOfTheManifest_IsRefusedNamingIt()
    {
        using BundleFolder folder = BundleFolder.Example();
        byte[] good = File.ReadAllBytes(folder.Manifest);

        // Changed in place: writing the file anew thousands of times takes seconds on some file systems.
        using FileStream file = Writer(folder);
        for (int position = 0; position < good.Length; position++)
        {
            // Every bit of what is read before the digest is known to be right, and of the digest; one bit of each byte after that.
            int[] bits = position < 160 ? [0, 1, 2, 3, 4, 5, 6, 7] : [position * 3 % 8];
            foreach (int bit in bits)
            {
                file.Position = position;
                file.WriteByte((byte)(good[position] ^ (1 << bit)));
                AssertBlamesTheManifest(folder);
            }

            file.Position = position;
            file.WriteByte(good[position]);
        }

        Bundle.Open(folder.Folder);
    }

    [Fact]
    public void Open_SampledBitsOfManySizes_AreRefusedNamingTheManifest() => Gen.Select(SyntheticNetwork.Any, Gen.Double[0, 0.9999], Gen.Int[0, 7]).Sample(
        (manifest, share, bit) =>
        {
            using var folder = new BundleFolder(manifest);
            Bundle.Write(folder.Folder, manifest);
            byte[] text = File.ReadAllBytes(folder.Manifest);
            text[(int)(share * text.Length)] ^= (byte)(1 << bit);
            File.WriteAllBytes(folder.Manifest, text);
            AssertBlamesTheManifest(folder);
        },
        iter: 40);

    [Fact]
    public void Open_FlippedBitInAnyByteOfASegment_IsRefusedNamingIt()
    {
        using BundleFolder folder = BundleFolder.Example();
        foreach (string file in BundleFolder.SegmentsOf(SyntheticNetwork.Example))
        {
            byte[] good = File.ReadAllBytes(folder.PathOf(file));
            for (int position = 0; position < good.Length; position++)
            {
                byte[] bad = [.. good];
                bad[position] ^= (byte)(1 << (position % 8));
                File.WriteAllBytes(folder.PathOf(file), bad);
                Assert.Equal([$"{file} does not match its SHA-256: it is damaged or was changed"], folder.Refused().Problems);
            }

            File.WriteAllBytes(folder.PathOf(file), good);
            Bundle.Open(folder.Folder);
        }
    }

    [Fact]
    public void Open_ManifestCutShort_IsRefusedNamingIt()
    {
        using BundleFolder folder = BundleFolder.Example();
        using FileStream file = Writer(folder);
        long whole = file.Length;
        while (file.Length > 0)
        {
            // The first cuts take a byte each: the shortest loss is the easiest to miss.
            file.SetLength(Math.Max(0, file.Length - (file.Length > whole - 40 ? 1 : 5)));
            AssertBlamesTheManifest(folder);
        }
    }

    [Fact]
    public void Open_RandomBytesAsManifest_AreRefusedNamingIt()
    {
        using BundleFolder folder = BundleFolder.Example();
        using FileStream file = Writer(folder);
        Gen.OneOf(Gen.Byte.Array[0, 100], Gen.String[Gen.Char["{}[]\"\\u:,0189.eformatd \n"], 0, 40].Select(Encoding.UTF8.GetBytes)).Sample(
            bytes =>
            {
                file.SetLength(0);
                file.Position = 0;
                file.Write(bytes);
                AssertBlamesTheManifest(folder);
            },
            iter: 400,
            threads: 1);
    }

    private static void AssertBlamesTheManifest(BundleFolder folder) =>
        Assert.StartsWith("bundle.json ", Assert.Single(folder.Refused().Problems), StringComparison.Ordinal);

    private static FileStream Writer(BundleFolder folder) =>
        new(folder.Manifest, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
}
