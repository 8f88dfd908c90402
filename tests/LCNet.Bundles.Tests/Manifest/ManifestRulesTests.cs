using System.Text.Json.Nodes;

namespace LCNet.Bundles.Tests;

public class ManifestRulesTests(SharedBundle shared) : IClassFixture<SharedBundle>
{
    public static TheoryData<string> BreachNames { get; } = [.. Breaches.All.Keys];

    public static TheoryData<string> BadFileNames { get; } =
    [
        "../x.onnx", "/etc/x.onnx", "sub/x.onnx", "..\\x.onnx", "C:\\x.onnx", "x.onnx\n", "x.onnx\0.onnx", ".onnx", "-.onnx", "X.onnx",
        "x.txt", "x", "", "..", new string('x', 65) + ".onnx", "~/x.onnx", "a..b.onnx", "bundle.json",
    ];

    [Theory]
    [MemberData(nameof(BreachNames))]
    public void Open_BrokenRule_IsReported(string breach)
    {
        (Func<BundleManifest, BundleManifest> change, string complaint) = Breaches.All[breach];
        BundleFolder folder = shared.Restored();
        BundleManifest good = Bundle.Open(folder.Folder).Manifest;

        folder.WriteManifest(change(good));

        BundleException exception = folder.Refused();
        Assert.Contains(exception.Problems, problem => problem.Contains(complaint, StringComparison.Ordinal));
        Assert.All(exception.Problems, problem => Assert.StartsWith("bundle.json: ", problem, StringComparison.Ordinal));

        folder.WriteManifest(good);
        Bundle.Open(folder.Folder);
    }

    [Theory]
    [MemberData(nameof(BreachNames))]
    public void Write_BrokenRule_IsReported(string breach)
    {
        (Func<BundleManifest, BundleManifest> change, string complaint) = Breaches.All[breach];
        BundleFolder folder = shared.Restored();

        BundleException exception = Assert.Throws<BundleException>(() => Bundle.Write(folder.Folder, change(SyntheticNetwork.Example)));

        folder.AssertOneLine(exception);
        Assert.Contains(exception.Problems, problem => problem.Contains(complaint, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(BadFileNames))]
    public void Open_BadNameOfASegment_IsReported(string name)
    {
        BundleFolder folder = shared.Restored();

        // The file outside is there and its SHA-256 is right, so nothing but its name can be what is refused.
        byte[] bytes = File.ReadAllBytes(folder.PathOf("stem.onnx"));
        File.WriteAllBytes(folder.PathOf("../x.onnx"), bytes);
        folder.EditManifest(root =>
        {
            root["stem"]!["file"] = name;
            root["files"]![name] = BundleFolder.Sha256(bytes);
        });

        string shown = name.ReplaceLineEndings(" ");
        BundleException exception = folder.Refused();
        Assert.Equal(2, exception.Problems.Count);
        Assert.StartsWith($"bundle.json: '{shown}' is not the name of an ONNX file", exception.Problems[0], StringComparison.Ordinal);
        Assert.StartsWith($"bundle.json: files: '{shown}' is not the name of an ONNX file", exception.Problems[1], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BadFileNames))]
    public void Open_BadNameOfAnUnusedFile_IsReportedAndNotRead(string name)
    {
        BundleFolder folder = shared.Restored();
        File.WriteAllText(folder.PathOf("../x.onnx"), "outside");

        // With a wrong SHA-256: had the file been read, there would be a second complaint.
        folder.EditManifest(root => root["files"]![name] = new string('0', 64));

        string problem = Assert.Single(folder.Refused().Problems);
        Assert.StartsWith($"bundle.json: files: '{name.ReplaceLineEndings(" ")}' is not the name of an ONNX file", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileWithoutSha256_IsReported()
    {
        foreach (string file in BundleFolder.SegmentsOf(SyntheticNetwork.Example))
        {
            BundleFolder folder = shared.Restored();
            folder.EditManifest(root => root["files"]!.AsObject().Remove(file));
            Assert.Equal([$"bundle.json: files: no SHA-256 for {file}"], folder.Refused().Problems);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("0123")]
    [InlineData("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")]
    public void Open_Sha256ThatIsNone_IsReported(string hash)
    {
        BundleFolder folder = shared.Restored();
        folder.EditManifest(root => root["files"]!["dense.onnx"] = hash);
        Assert.Contains("bundle.json: files: the SHA-256 of dense.onnx is not 64 hexadecimal digits", folder.Refused().Problems);
    }

    [Theory]
    [InlineData("std")]
    [InlineData("mean")]
    public void Open_NumberBeyondFloat_IsReported(string member)
    {
        BundleFolder folder = shared.Restored();
        folder.EditManifest(root => root["input"]![member]![0] = JsonNode.Parse("1e999"));
        Assert.StartsWith($"bundle.json: input: {member}", Assert.Single(folder.Refused().Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1024, true)]
    [InlineData(1025, false)]
    public void Open_ManyBlocksWithTheDearestGates_IsRefusedBeforeTheSumCanOverflow(int count, bool accepted)
    {
        BundleFolder folder = shared.Restored();
        BundleManifest good = Bundle.Open(folder.Folder).Manifest;
        BlockSpec block = good.Blocks[0];
        folder.WriteManifest(good with
        {
            Blocks = [.. Enumerable.Repeat(block, count)],
            Spans = [.. Enumerable.Range(0, count).Select(i => good.Spans[0] with { FirstBlock = i, Blocks = 1, Flops = 1L << 50 })],
            Dense = good.Dense with { Flops = good.Stem.Flops + good.Head.Flops + (count * BruteForce.Block(block, block.Channels)) },
        });

        if (accepted)
        {
            Assert.Equal(count * (1L << 50), Bundle.Open(folder.Folder).Flops.Gates);
        }
        else
        {
            Assert.Equal(["bundle.json: blocks: 1025 is outside 1 to 1024"], folder.Refused().Problems);
        }
    }

    [Fact]
    public void Open_NoBlocks_IsReported()
    {
        BundleFolder folder = shared.Restored();
        folder.EditManifest(root =>
        {
            root["blocks"] = new JsonArray();
            root["spans"] = new JsonArray();
        });

        Assert.Contains(folder.Refused().Problems, problem => problem.StartsWith("bundle.json: blocks: ", StringComparison.Ordinal));
    }
}
