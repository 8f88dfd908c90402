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
        var cost = new NetworkCost(ResNetSpec.Cifar(20, 16, 10));
        Assert.Equal(2 * (stem + first + second + third + head), cost.Dense);
        Assert.Equal(40.8, cost.Dense / 2e6, 0.05);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(18)]
    public void Cifar_DepthThatIsNot6nPlus2_IsRefused(int depth) => Assert.Throws<ArgumentException>(() => ResNetSpec.Cifar(depth, 16, 10));

    [Fact]
    public void Cifar_FourStages_HasAsManyBlocksInEach()
    {
        ResNetSpec spec = ResNetSpec.Cifar(18, 24, 10, stages: 4);
        Assert.Equal([2, 2, 2, 2], spec.BlocksPerStage);
        Assert.Equal((192, 4), (spec.Blocks()[^1].OutputChannels, spec.Blocks()[^1].OutputSize));
        Assert.Throws<ArgumentException>(() => ResNetSpec.Cifar(14, 24, 10, stages: 4));
    }

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
