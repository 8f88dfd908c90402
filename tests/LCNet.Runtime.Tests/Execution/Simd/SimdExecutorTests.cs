using LCNet.Bundles;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Execution.Simd;
using LCNet.Runtime.Tests.Synthetic;
using LCNet.Training.Networks;

namespace LCNet.Runtime.Tests.Execution.Simd;

/// <summary>The SIMD executor against the ONNX Runtime executor, on the same bundles.</summary>
public sealed class SimdExecutorTests : IDisposable
{
    private const int Images = 4;

    // Of 13 to 16 pixels a stem that pools makes 4×4, which lie flat.
    private static readonly Gen<int> Sizes = Gen.OneOf(Gen.Int[7, 40], Gen.Int[13, 16]);

    private static readonly Gen<ResNetSpec> Specs = Gen.Select(
        Gen.Enum<BlockKind>(), Gen.Enum<StemKind>(), Gen.Enum<GateSpan>(), Gen.Int[1, 2].Array[1, 3], Gen.Int[1, 20], Gen.Int[2, 12], Sizes, Gen.Bool,
        (kind, stem, span, blocks, width, classes, size, stridesFirst) =>
            new ResNetSpec { Kind = kind, Stem = stem, Span = span, BlocksPerStage = blocks, Width = width, Classes = classes, InputSize = size, StridesFirst = stridesFirst });

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Lane_AnyNetworkAndChannels_EqualsOnnxRuntime(int lanes) => Gen.Select(Specs, Gen.Int[0, 1_000_000]).Sample(
        (spec, seed) =>
        {
            using var folder = new TemporaryFolder();
            using LcNet network = RandomNetwork.Make(spec, seed);
            AssertAgrees(RandomNetwork.Export(network, folder.Path), lanes, seed);
        },
        iter: 20,
        threads: 1);

    [Fact]
    public void SimdExecutor_AGraphOfAnotherForm_IsRefusedByName()
    {
        Bundle bundle = TestBundles.Basic(_folder);
        BundleManifest manifest = bundle.Manifest;
        string gate = bundle.PathOf(manifest.Spans[1].File);
        File.Copy(bundle.PathOf(manifest.Head.File), gate, overwrite: true);
        Bundle changed = Bundle.Write(bundle.Folder, manifest);

        BundleException exception = Assert.Throws<BundleException>(() => new SimdExecutor(changed));
        Assert.StartsWith(manifest.Spans[1].File, Assert.Single(exception.Problems), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static void AssertAgrees(Bundle bundle, int lanes, int seed)
    {
        using var simd = new SimdExecutor(bundle, lanes);
        using var onnx = new OnnxExecutor(bundle, ComputeDevice.Parse("cpu"));
        using ISegmentLane actual = simd.CreateLane();
        using ISegmentLane expected = onnx.CreateLane();
        var random = new Random(seed);
        foreach (float[] image in TestBundles.Images(bundle, Images, seed))
        {
            AssertAgrees(bundle.Manifest, actual, expected, image, random);
        }
    }

    // Gates are compared before every block, so the first block that differs is the one that is named.
    private static void AssertAgrees(BundleManifest manifest, ISegmentLane actual, ISegmentLane expected, float[] image, Random random)
    {
        actual.Stem(image);
        expected.Stem(image);
        float price = random.NextSingle();
        foreach ((int i, SpanSpec span) in manifest.Spans.Index())
        {
            float[][] gates = [new float[span.Blocks], new float[manifest.ChannelsOf(span)], new float[span.Blocks], new float[manifest.ChannelsOf(span)]];
            actual.Gate(i, price, gates[0], gates[1]);
            expected.Gate(i, price, gates[2], gates[3]);
            AssertClose(gates[2], gates[0], $"layers of span {i}");
            AssertClose(gates[3], gates[1], $"channels of span {i}");
            for (int block = span.FirstBlock; block < span.FirstBlock + span.Blocks; block++)
            {
                RunBlock(manifest, actual, expected, block, random);
            }
        }

        float[] logits = new float[manifest.Labels.Count];
        float[] reference = new float[logits.Length];
        actual.Head(logits);
        expected.Head(reference);
        AssertClose(reference, logits, "logits");
    }

    private static void RunBlock(BundleManifest manifest, ISegmentLane actual, ISegmentLane expected, int block, Random random)
    {
        BlockSpec spec = manifest.Blocks[block];
        float[] saliences = TestBundles.Saliences(random, spec.Channels, random.NextDouble());
        long[] keep = [.. Enumerable.Range(0, spec.Channels).Where(channel => saliences[channel] > 0).Select(channel => (long)channel)];
        if (keep.Length == 0)
        {
            if (spec.ShortcutFile is not null)
            {
                actual.Shortcut(block);
                expected.Shortcut(block);
            }

            return;
        }

        float[] scales = [.. keep.Select(channel => saliences[channel])];
        float layer = 1 - random.NextSingle();
        actual.Block(block, keep, scales, layer);
        expected.Block(block, keep, scales, layer);
    }

    private static void AssertClose(float[] expected, float[] actual, string what) =>
        Assert.All(expected.Zip(actual), pair => Assert.True(
            Math.Abs(pair.First - pair.Second) <= 1e-4 * (1 + Math.Abs(pair.First)), $"{what}: {pair.Second} instead of {pair.First}"));
}
