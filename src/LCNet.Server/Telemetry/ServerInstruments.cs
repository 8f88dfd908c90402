using System.Diagnostics.Metrics;
using LCNet.Server.Security;

namespace LCNet.Server.Telemetry;

/// <summary>What is measured as it happens. Names, units and tags are described in <c>docs/telemetry.md</c>. Thread-safe.</summary>
internal sealed class ServerInstruments(Meter meter)
{
    private static readonly double[] Seconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    private static readonly int[] Images = [1, 2, 4, 8, 16, 32, 64, 128];
    private static readonly double[] Shares = [.. Enumerable.Range(1, 20).Select(step => step / 20.0)];
    private static readonly double[] Probabilities = [.. Enumerable.Range(1, 10).Select(step => step / 10.0)];
    private static readonly double[] Nats = [0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

    public Counter<long> Requests { get; } = meter.CreateCounter<long>("lcnet.requests", "{request}", "Requests to classify, by the status that they ended with");

    public Counter<long> Refusals { get; } = meter.CreateCounter<long>("lcnet.refusals", "{request}", "Requests that were not let in, by the reason");

    public Counter<long> AccessRefusals { get; } = meter.CreateCounter<long>("lcnet.access.refusals", "{refusal}", "Calls and connections that were turned away before anybody looked at what they want");

    public Counter<long> Failures { get; } = meter.CreateCounter<long>("lcnet.failures", "{image}", "Images whose run failed");

    public Counter<long> ModelChanges { get; } = meter.CreateCounter<long>("lcnet.models.changes", "{model}", "Versions of models that were loaded, unloaded or refused");

    public Histogram<double> RequestDuration { get; } = Durations(meter, "lcnet.request.duration", "From a request's arrival to the end of its reply");

    public Histogram<double> QueueDuration { get; } = Durations(meter, "lcnet.queue.duration", "Waiting for a turn, of images answered");

    public Histogram<double> DecodeDuration { get; } = Durations(meter, "lcnet.decode.duration", "From an image file to the network's input, waiting for a core included");

    public Histogram<double> ExecuteDuration { get; } = Durations(meter, "lcnet.execute.duration", "Gates, planning and dispatches, of images answered");

    public Histogram<int> BatchSize { get; } = meter.CreateHistogram(
        "lcnet.batch.size", "{image}", "Images that shared an image's dispatches, itself included", advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = Images });

    public Counter<long> DenseFlops { get; } = Flops(meter, "lcnet.flops.dense", "FLOPs that the static network would have cost, of images answered");

    public Counter<long> PlannedFlops { get; } = Flops(meter, "lcnet.flops.planned", "FLOPs that the plans needed, of images answered");

    public Counter<long> ExecutedFlops { get; } = Flops(meter, "lcnet.flops.executed", "FLOPs that were dispatched, of images answered");

    public Counter<long> WholeFlops { get; } = Flops(meter, "lcnet.whole.flops", "FLOPs of runs of the whole network beside those of answers, by the reason");

    public Counter<long> ShadowImages { get; } = meter.CreateCounter<long>("lcnet.shadow.images", "{image}", "Images that were run with every gate open after their answer, and compared");

    public Counter<long> ShadowAgreements { get; } = meter.CreateCounter<long>("lcnet.shadow.agreements", "{image}", "Of those, answered as the whole network does");

    public Counter<long> ShadowDrops { get; } = meter.CreateCounter<long>("lcnet.shadow.drops", "{image}", "Images of the sample that were not compared, by the reason");

    public Histogram<double> ShadowDisagreement { get; } = meter.CreateHistogram(
        "lcnet.shadow.disagreement", description: "The whole network's probability of its own answer where another one was given", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Probabilities });

    public Histogram<double> ShadowDivergence { get; } = meter.CreateHistogram(
        "lcnet.shadow.divergence", description: "Kullback-Leibler divergence of the answer from the whole network's probabilities, in nats", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Nats });

    public Histogram<double> PlannedShare { get; } = meter.CreateHistogram(
        "lcnet.planned.share", description: "Planned over dense FLOPs of an image", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Shares });

    private static Histogram<double> Durations(Meter meter, string name, string description) =>
        meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Seconds });

    private static Counter<long> Flops(Meter meter, string name, string description) => meter.CreateCounter<long>(name, "{flop}", description);
}
