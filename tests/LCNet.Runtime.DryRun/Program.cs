using System.Globalization;
using System.Text.Json;
using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.DryRun;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

// What the host does for batches on a GPU, counted by stand-ins for NVIDIA's libraries; prints one line of JSON.
//   batches BUNDLE DEVICE IMAGES BATCHES   batches of so many images, then as many of random sizes, on one thread
//   images BUNDLE DEVICE THREADS IMAGES    images one by one, on several threads
if (args is not [string command, string folder, string device, string first, string second])
{
    Console.Error.WriteLine("batches BUNDLE DEVICE IMAGES BATCHES | images BUNDLE DEVICE THREADS IMAGES");
    return 2;
}

Bundle bundle = Bundle.Open(folder);
var computed = ComputeDevice.Parse(device);
object report = command == "batches" ? Batches(Number(first), Number(second)) : Images(Number(first), Number(second));
Console.WriteLine(JsonSerializer.Serialize(report));
return 0;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

object Batches(int size, int batches)
{
    DeviceCounters begun = DeviceCounters.Now();
    using var executor = new OnnxBatchExecutor(bundle, computed, new FixedSizes(size));
    using OnnxBatchLane lane = executor.CreateLane();

    // A second one is under way beside it when a server runs: its memory counts.
    using OnnxBatchLane beside = executor.CreateLane();
    BatchWarmUp.Run(bundle, lane, executor.Rows);
    using var measured = new MeasuredLane(lane);
    var dispatcher = new BatchDispatcher(bundle, measured, executor.Rows, size);
    BatchImage[] images = [.. Enumerable.Range(0, size).Select(_ =>
    {
        executor.Images.Rent(out nint staged).Clear();
        return new BatchImage(ReadOnlyMemory<float>.Empty, 1, Planner.NoCap, new InferenceResult(bundle.Manifest), default, Staged: staged);
    })];
    for (int i = 0; i < 5; i++)
    {
        dispatcher.Run(images);
    }

    (double executed, double left) = (0, 0);
    (long operations, DeviceCounters before) = (lane.Operations, DeviceCounters.Now());
    for (int i = 0; i < batches; i++)
    {
        dispatcher.Run(images);
        executed += images.Sum(image => (double)image.Result.ExecutedFlops);
        left += images.Sum(image => (double)Left(image.Result.Plan));
    }

    DeviceCounters counted = before.Since();
    operations = lane.Operations - operations;
    var times = new List<double>();
    measured.CopiesImages = false;
    for (int i = 0; i < batches; i++)
    {
        double began = ThreadTime.Now();
        dispatcher.Run(images);
        times.Add(ThreadTime.Now() - began);
    }

    var random = new Random(1);
    DeviceCounters varied = DeviceCounters.Now();
    for (int i = 0; i < batches; i++)
    {
        dispatcher.Run(images.AsSpan(0, random.Next(1, size + 1)));
    }

    times.Sort();
    long planBuilds = counted.PlanBuilds + varied.Since().PlanBuilds;
    long bytes = begun.Since().DeviceBytes;

    // A model that takes this one's place is loaded while this one serves.
    using var next = new OnnxBatchExecutor(bundle, computed, new FixedSizes(size));
    using OnnxBatchLane nextLane = next.CreateLane();
    using OnnxBatchLane nextBeside = next.CreateLane();
    BatchWarmUp.Run(bundle, nextLane, next.Rows);
    return new
    {
        operations = counted.Operations / (double)batches,
        saidOperations = operations / (double)batches,
        launches = counted.Launches / (double)batches,
        convolutions = counted.Convolutions / (double)batches,
        copies = counted.Copies / (double)batches,
        synchronisations = counted.Synchronisations / (double)batches,
        spans = bundle.Manifest.Spans.Count,
        planBuilds,
        foreignLaunches = begun.Since().ForeignLaunches,
        hostMilliseconds = times[times.Count / 2],
        deviceBytes = bytes,
        reloadingBytes = begun.Since().DeviceBytes,
        executedOfLeft = executed / left,
        @static = Static(size, batches),
    };
}

// The static graph, fused as the batches' is.
object Static(int size, int batches)
{
    using var network = new DenseNetwork(bundle, computed, size);
    float[] images = new float[size * bundle.Manifest.Input.Length];
    float[] logits = new float[size * bundle.Manifest.Labels.Count];
    for (int i = 0; i < 5; i++)
    {
        network.Run(images, logits);
    }

    DeviceCounters before = DeviceCounters.Now();
    for (int i = 0; i < batches; i++)
    {
        network.Run(images, logits);
    }

    DeviceCounters counted = before.Since();
    return new { operations = counted.Operations / (double)batches, saidOperations = network.Operations, synchronisations = counted.Synchronisations / (double)batches };
}

object Images(int threads, int count)
{
    DeviceCounters begun = DeviceCounters.Now();
    using var executor = new OnnxExecutor(bundle, computed);
    Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ =>
    {
        using ISegmentLane lane = executor.CreateLane();
        var dispatcher = new Dispatcher(bundle, lane);
        var result = new InferenceResult(bundle.Manifest);
        float[] image = new float[bundle.Manifest.Input.Length];
        for (int i = 0; i < count; i++)
        {
            dispatcher.Run(image, 1, Planner.NoCap, result);
        }
    });
    DeviceCounters counted = begun.Since();
    return new { operations = counted.Operations, foreignLaunches = counted.ForeignLaunches };
}

// What is left of the static network where the blocks of a plan are skipped, gates included.
long Left(ImagePlan plan) =>
    bundle.Manifest.Stem.Flops + bundle.Manifest.Head.Flops + bundle.Flops.Gates
    + Enumerable.Range(0, plan.Blocks).Sum(block => bundle.Flops.Block(block, plan.Runs(block) ? bundle.Manifest.Blocks[block].Channels : 0));
