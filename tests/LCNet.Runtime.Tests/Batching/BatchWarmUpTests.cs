using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

public sealed class BatchWarmUpTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_AnyBundle_RunsEverySegmentInEverySize(bool bottleneck)
    {
        Bundle bundle = bottleneck ? TestBundles.Bottleneck(_folder) : TestBundles.Basic(_folder);
        var sizes = new FixedSizes(11);
        using var lane = new SymbolicBatchLane(bundle, sizes);
        foreach ((int i, SpanSpec span) in bundle.Manifest.Spans.Index())
        {
            lane.Gates[(0, i)] = (new float[span.Blocks], new float[bundle.Manifest.ChannelsOf(span)]);
        }

        BatchWarmUp.Run(bundle, lane, sizes);

        Assert.Equal([2, 4, 6, 8, 10, 12], sizes.All);
        Assert.All(lane.Gates.Keys, key => Assert.Equal(6, lane.Calls.Count(call => call == $"gate {key.Span}")));
        Assert.Equal((6, 6), (lane.Calls.Count(call => call == "stem"), lane.Calls.Count(call => call == "head 0")));
        foreach ((int i, BlockSpec block) in bundle.Manifest.Blocks.Index())
        {
            int[] RowsOf(BlockForm form) => [.. lane.Dispatches.Where(dispatch => dispatch.Block == i && dispatch.Form == form).Select(dispatch => dispatch.Source.Rows).Order()];
            Assert.Equal(sizes.All, RowsOf(BlockForm.Whole));
            Assert.Equal(block.ShortcutFile is null ? [] : sizes.All, RowsOf(BlockForm.Shortcut));
            Assert.Equal([1, block.Channels - 1, block.Channels], lane.Dispatches.Where(dispatch => dispatch.Block == i && dispatch.Form == BlockForm.Kept).Select(dispatch => dispatch.Channels).Order());
        }
    }

    public void Dispose() => _folder.Dispose();
}
