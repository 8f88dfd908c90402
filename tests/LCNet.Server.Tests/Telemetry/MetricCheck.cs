using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>Compares what a server measured with what it replied.</summary>
internal static class MetricCheck
{
    /// <summary>What is observed now.</summary>
    public static double Observed(MetricCapture metrics, string series)
    {
        metrics.Observe();
        return metrics.Sum(series);
    }

    /// <summary>What was counted. A request is counted once its reply is on its way, so the caller may be first.</summary>
    public static Task<double> CountAsync(MetricCapture metrics, string series, double expected) =>
        Eventually.GetAsync(() => Task.FromResult(metrics.Sum(series)), value => value >= expected);

    /// <summary>Checks that everything that was measured of a model is what the replies said.</summary>
    /// <param name="metrics">What was measured.</param>
    /// <param name="model">The model.</param>
    /// <param name="requests">How many were answered.</param>
    /// <param name="bills">What the replies said, an entry an image.</param>
    /// <param name="encoded">How many of the images were files.</param>
    public static async Task AssertEqualAsync(MetricCapture metrics, string model, int requests, Compute[] bills, int encoded)
    {
        string tag = $"{{model={model}}}";
        string answered = $"{{model={model},status=OK}}";
        Assert.Equal(requests, await CountAsync(metrics, $"lcnet.requests{answered}", requests));
        Assert.Equal(requests, metrics.Count($"lcnet.request.duration{answered}"));
        Assert.Equal(bills.Sum(bill => bill.DenseFlops), metrics.Sum($"lcnet.flops.dense{tag}"));
        Assert.Equal(bills.Sum(bill => bill.PlannedFlops), metrics.Sum($"lcnet.flops.planned{tag}"));
        Assert.Equal(bills.Sum(bill => bill.ExecutedFlops), metrics.Sum($"lcnet.flops.executed{tag}"));
        Assert.Equal(bills.Sum(bill => bill.QueueUs) / 1e6, metrics.Sum($"lcnet.queue.duration{tag}"), 1e-9);
        Assert.Equal(bills.Sum(bill => bill.ExecuteUs) / 1e6, metrics.Sum($"lcnet.execute.duration{tag}"), 1e-9);
        Assert.Equal(bills.Sum(bill => bill.BatchSize), metrics.Sum($"lcnet.batch.size{tag}"));
        Assert.Equal(bills.Sum(bill => (double)bill.PlannedFlops / bill.DenseFlops), metrics.Sum($"lcnet.planned.share{tag}"), 1e-9);
        Assert.Equal(bills.Length, metrics.Count($"lcnet.planned.share{tag}"));
        Assert.Equal(encoded, metrics.Count($"lcnet.decode.duration{tag}"));
        Assert.Equal(0, Observed(metrics, $"lcnet.in_flight{tag}"));
        for (int block = 0; block < bills[0].Blocks.Count; block++)
        {
            string both = $"{{block={block},model={model}}}";
            Assert.Equal(bills.Count(bill => bill.Blocks[block].Executed), metrics.Sum($"lcnet.block.executions{both}"));
            Assert.Equal(bills.Count(bill => !bill.Blocks[block].Executed), metrics.Sum($"lcnet.block.skips{both}"));
            Assert.Equal(bills.Sum(bill => bill.Blocks[block].ChannelsRetained), metrics.Sum($"lcnet.block.channels{both}"));
        }
    }
}
