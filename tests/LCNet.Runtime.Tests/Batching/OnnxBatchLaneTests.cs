using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

public sealed class OnnxBatchLaneTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Lane_TapeCopiedAsForADevice_GivesWhatTheHostsGives()
    {
        Bundle bundle = TestBundles.Basic(_folder);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"));
        using OnnxBatchLane direct = executor.CreateLane(8);
        using var copying = new OnnxBatchLane(executor, 8, copiesTape: true);
        BatchDispatcher[] dispatchers = [.. new[] { direct, copying }.Select(lane => new BatchDispatcher(bundle, lane, TestCosts.Linear(bundle, 8, 0.5), 8))];
        float[][] images = TestBundles.Images(bundle, 40, 1);
        for (int round = 0; round < 10; round++)
        {
            BatchImage[][] batches = [.. dispatchers.Select(_ => Enumerable.Range(0, 1 + (round % 8)).Select(i =>
                new BatchImage(images[(4 * round) + (i % 4)], 1 - (0.1 * i), Planner.NoCap, new InferenceResult(bundle.Manifest), default)).ToArray())];
            dispatchers[0].Run(batches[0]);
            dispatchers[1].Run(batches[1]);
            Assert.All(batches[0].Zip(batches[1]), pair => Assert.Equal(pair.First.Result.Logits, pair.Second.Result.Logits));
        }
    }

    [Fact]
    public void WarmUp_AnyBundle_RunsEverySegmentInEveryShape()
    {
        Bundle bundle = TestBundles.Basic(_folder);
        var lane = new SymbolicBatchLane(bundle, 4);
        foreach (int span in Enumerable.Range(0, bundle.Manifest.Spans.Count))
        {
            lane.Gates[(0, span)] = ([1], new float[bundle.Manifest.Blocks[span].Channels]);
        }

        DispatchCosts costs = BatchWarmUp.Run(bundle, lane, 3);

        Assert.Equal([1, 2, 4], costs.Rows.All);
        Assert.All(lane.Gates.Keys, key => Assert.Equal(3, lane.Calls.Count(call => call == $"gate {key.Span}")));
        Assert.Equal((3, 3), (lane.Calls.Count(call => call == "stem"), lane.Calls.Count(call => call == "head 0")));
        foreach ((int i, BlockSpec block) in bundle.Manifest.Blocks.Index())
        {
            (int, int)[] shapes = [.. lane.Dispatches.Where(dispatch => dispatch.Block == i).Select(dispatch => (dispatch.Rows, dispatch.Channels)).Distinct().Order()];
            IEnumerable<int> channels = block.ShortcutFile is null ? costs.Channels(i).All : [0, .. costs.Channels(i).All];
            Assert.Equal([.. costs.Rows.All.SelectMany(rows => channels.Select(channel => (rows, channel)))], shapes);
            Assert.True(costs.Of(i, 1, 1) > 0);
        }
    }

    [Fact]
    public void Prepend_GraphThatIsNone_IsRefused()
    {
        Assert.ThrowsAny<Exception>(() => RowGather.Prepend([1, 2, 3]));
        Assert.Throws<InvalidDataException>(() => RowGather.Prepend([]));
    }

    [Fact]
    public void Prepend_GraphWithoutX_IsLeftAsItIs()
    {
        Bundle bundle = TestBundles.Basic(_folder);
        byte[] stem = File.ReadAllBytes(bundle.PathOf(bundle.Manifest.Stem.File));
        Assert.Same(stem, RowGather.Prepend(stem));
    }

    public void Dispose() => _folder.Dispose();
}
