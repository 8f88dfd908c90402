using LCNet.Training.Networks;

namespace LCNet.Training.Tests.Networks;

public class ResNetSpecTests
{
    [Fact]
    public void Cifar_Depth20Width16_CostsWhatThePublishedNetworkDoes()
    {
        // Layer by layer: 3×3 from c to n channels on p pixels takes 9·c·n·p multiply-accumulates.
        long stem = 9L * 3 * 16 * 1024;
        long first = 6 * 9L * 16 * 16 * 1024;
        long second = (9L * 16 * 32 * 256) + (5 * 9L * 32 * 32 * 256) + (16 * 32 * 256);
        long third = (9L * 32 * 64 * 64) + (5 * 9L * 64 * 64 * 64) + (32 * 64 * 64);
        long head = 64 * 10;
        var cost = new NetworkCost(new ResNetSpec { BlocksPerStage = [3, 3, 3], Width = 16, Classes = 10 });
        Assert.Equal(2 * (stem + first + second + third + head), cost.Dense);
        Assert.Equal(40.8, cost.Dense / 2e6, 0.05);
    }

    [Fact]
    public void Blocks_FirstStageWithoutBlocks_HalvesTheStemsResolution()
    {
        IReadOnlyList<BlockShape> blocks = new ResNetSpec { BlocksPerStage = [0, 2, 1], Width = 12, Widths = [12, 20, 33], Classes = 2, InputSize = 30 }.Blocks();
        Assert.Equal(
            [new BlockShape(12, 20, 20, 2, 30, 15), new BlockShape(20, 20, 20, 1, 15, 15), new BlockShape(20, 33, 33, 2, 15, 8)],
            blocks);
        Assert.Equal([false, true, false], blocks.Select(block => block.IdentityShortcut));
    }

    [Fact]
    public void TryParseStages_AnyStages_ReadsWhatWasWritten() => Gen.Select(Gen.Int[1, 256], Gen.Int[1, 4096]).Array[1, 6].Select(Gen.Bool).Sample((stages, bare) =>
    {
        (int Blocks, int Width)[] expected = bare && stages.Length > 1 ? [(0, stages[0].Item1), .. stages[1..]] : stages;
        Assert.True(ResNetSpec.TryParseStages(string.Join(',', expected.Select(stage => $"{stage.Blocks}x{stage.Width}")), out IReadOnlyList<(int, int)> read));
        Assert.Equal(expected, read);
    });

    [Theory]
    [InlineData(18, 1.814)]
    [InlineData(34, 3.664)]
    [InlineData(50, 4.089)]
    public void ImageNet_Width64_CostsWhatThePublishedNetworkDoes(int depth, double billionMacs) =>
        Assert.Equal(billionMacs, new NetworkCost(ResNetSpec.ImageNet(depth, 64, 1000)).Dense / 2e9, 0.001);

    [Fact]
    public void ImageNet_AnotherDepth_IsRefused() => Assert.Throws<ArgumentException>(() => ResNetSpec.ImageNet(20, 64, 10));

    [Fact]
    public void Blocks_AnySpec_FitTogether() => Gen.Select(Gen.Enum<BlockKind>(), Gen.Int[1, 4].Array[1, 4], Gen.Int[1, 64], Gen.Int[1, 65]).Sample(
        (kind, stages, width, size) =>
        {
            IReadOnlyList<BlockShape> blocks = new ResNetSpec { Kind = kind, BlocksPerStage = stages, Width = width, Classes = 2, InputSize = size }.Blocks();
            Assert.Equal(stages.Sum(), blocks.Count);
            (int channels, int pixels) = (width, size);
            foreach (BlockShape block in blocks)
            {
                Assert.Equal((channels, pixels), (block.InputChannels, block.InputSize));

                // A 3×3 convolution with padding 1 gives a pixel for every stride that begins within the map.
                Assert.Equal(Enumerable.Range(0, pixels).Count(x => x % block.Stride == 0), block.OutputSize);
                (channels, pixels) = (block.OutputChannels, block.OutputSize);
            }

            Assert.Equal(stages.Length - 1, blocks.Count(block => block.Stride == 2));
            Assert.Equal(width << (stages.Length - 1), blocks[^1].InnerChannels);
        });

    [Fact]
    public void Spans_AnySpec_CoverEveryBlockOnceInOrder() => Gen.Select(Gen.Enum<GateSpan>(), Gen.Int[1, 4].Array[1, 4]).Sample(
        (span, stages) =>
        {
            IReadOnlyList<(int First, int Count)> spans = new ResNetSpec { BlocksPerStage = stages, Classes = 2, Span = span }.Spans();
            Assert.Equal(Enumerable.Range(0, stages.Sum()), spans.SelectMany(part => Enumerable.Range(part.First, part.Count)));
            Assert.Equal(span switch { GateSpan.Block => stages.Sum(), GateSpan.Stage => stages.Length, _ => 1 }, spans.Count);
        });
}
