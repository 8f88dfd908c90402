namespace LCNet.Bundles.Tests;

public class BundleWriteTests
{
    [Fact]
    public void Write_AnyValidManifest_OpensEqualWithHashesAndDigest() => SyntheticNetwork.Any.Sample(
        manifest =>
        {
            using var folder = new BundleFolder(manifest, manifest.Blocks.Count);
            Bundle written = Bundle.Write(folder.Folder, manifest);

            string text = File.ReadAllText(folder.Manifest);
            string blank = text.Replace(written.Manifest.Digest, new string('0', 64), StringComparison.Ordinal);
            BundleManifest expected = manifest with
            {
                Digest = BundleFolder.Sha256(System.Text.Encoding.UTF8.GetBytes(blank)),
                Files = folder.Hashes(),
            };
            Assert.Equal(BundleFolder.Text(expected), BundleFolder.Text(written.Manifest));
            Assert.Equal(BundleFolder.Text(expected), BundleFolder.Text(Bundle.Open(folder.Folder).Manifest));
            Assert.Equal(BundleFolder.SegmentsOf(manifest).Order(StringComparer.Ordinal), written.Manifest.Files.Keys);
        },
        iter: 40);

    [Fact]
    public void Write_ManifestReadBack_GivesTheSameBytes()
    {
        using BundleFolder folder = BundleFolder.Example();
        byte[] first = File.ReadAllBytes(folder.Manifest);

        Bundle.Write(folder.Folder, Bundle.Open(folder.Folder).Manifest);

        Assert.Equal(first, File.ReadAllBytes(folder.Manifest));
    }

    [Fact]
    public void Write_Complete_LeavesOnlyTheBundle()
    {
        using BundleFolder folder = BundleFolder.Example();

        IEnumerable<string?> files = Directory.GetFileSystemEntries(folder.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

        string[] expected = [BundleManifest.FileName, .. BundleFolder.SegmentsOf(SyntheticNetwork.Example)];
        Assert.Equal(expected.Order(StringComparer.Ordinal), files);
    }

    [Fact]
    public void Write_MissingSegment_IsRefusedWithoutAManifest()
    {
        foreach (string file in BundleFolder.SegmentsOf(SyntheticNetwork.Example))
        {
            using var folder = new BundleFolder(SyntheticNetwork.Example);
            File.Delete(folder.PathOf(file));

            BundleException exception = Assert.Throws<BundleException>(() => Bundle.Write(folder.Folder, SyntheticNetwork.Example));

            folder.AssertOneLine(exception);
            Assert.Equal([$"{file} is missing"], exception.Problems);
            Assert.False(File.Exists(folder.Manifest));
        }
    }

    [Fact]
    public void Write_BrokenManifestOverABundle_LeavesTheBundleAsItWas()
    {
        using BundleFolder folder = BundleFolder.Example();

        Assert.Throws<BundleException>(() => Bundle.Write(folder.Folder, SyntheticNetwork.Example with { Version = 0 }));

        Assert.Equal(SyntheticNetwork.Example.Version, Bundle.Open(folder.Folder).Manifest.Version);
    }

    [Fact]
    public void Write_NotANumber_IsRefusedAsABrokenRule()
    {
        // JSON has no such number, so this can only be caught before the text is made.
        BundleManifest manifest = SyntheticNetwork.Example;
        using var folder = new BundleFolder(manifest);
        CalibrationPoint end = manifest.Calibration[^1];
        (BundleManifest Manifest, string Expected)[] cases =
        [
            (manifest with { Input = manifest.Input with { Std = [0.2f, float.NaN, 0.2f] } }, "input: std"),
            (manifest with { Input = manifest.Input with { Mean = [float.PositiveInfinity, 0, 0] } }, "input: mean"),
            (manifest with { Calibration = [end with { Top1 = double.NaN }] }, "top-1"),
            (manifest with { Calibration = [end with { Top1StandardError = double.NaN }] }, "standard error"),
            (manifest with { Calibration = [end with { MeanFlops = double.NaN }] }, "FLOPs are not above 0"),
            (manifest with { Calibration = [end with { Effort = double.NaN }, end] }, "outside (0, 1]"),
        ];

        foreach ((BundleManifest broken, string expected) in cases)
        {
            BundleException exception = Assert.Throws<BundleException>(() => Bundle.Write(folder.Folder, broken));
            folder.AssertOneLine(exception);
            Assert.Contains(exception.Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Write_SegmentChangedAfterwards_NeedsAnotherWrite()
    {
        using BundleFolder folder = BundleFolder.Example();
        File.AppendAllText(folder.PathOf("stem.onnx"), "more");
        folder.Refused();

        Bundle.Write(folder.Folder, SyntheticNetwork.Example);

        Assert.Equal(BundleFolder.Sha256(File.ReadAllBytes(folder.PathOf("stem.onnx"))), Bundle.Open(folder.Folder).Manifest.Files["stem.onnx"]);
    }

    [Fact]
    public void PathOf_Segment_IsTheFileInTheFolder()
    {
        using BundleFolder folder = BundleFolder.Example();
        Bundle bundle = Bundle.Open(folder.Folder);

        Assert.All(bundle.Manifest.Files, file => Assert.Equal(file.Value, BundleFolder.Sha256(File.ReadAllBytes(bundle.PathOf(file.Key)))));
        Assert.Equal(bundle.Manifest.Dense.Flops, bundle.Flops.Dense);
    }
}
