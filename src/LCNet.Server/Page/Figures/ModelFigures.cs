namespace LCNet.Server;

/// <summary>Figures of one model, all its versions together. All but <paramref name="Total"/> are of the window.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Versions">Those that are served, ascending.</param>
/// <param name="Device">Where it runs.</param>
/// <param name="Executor">What runs it.</param>
/// <param name="ExecutorFallback">Why that is not the fastest one for the device; empty where it is.</param>
/// <param name="Efforts">What each effort gave on validation images, of the highest version.</param>
/// <param name="Effort">Of requests that state neither effort nor a cap.</param>
/// <param name="InFlight">Requests that have begun and not ended.</param>
/// <param name="Waiting">Images that wait.</param>
/// <param name="ImagesPerSecond">Images answered a second.</param>
/// <param name="Latency">Of requests answered; null where there was none.</param>
/// <param name="Count">Images and FLOPs.</param>
/// <param name="Total">Images and FLOPs since the server started.</param>
/// <param name="Requests">By status, those that did not occur left out.</param>
/// <param name="Blocks">In the order of the network.</param>
/// <param name="Shares">Images by planned share of the dense FLOPs, in equal steps from 0 to 1.</param>
/// <param name="History">Second by second, oldest first.</param>
internal sealed record ModelFigures(
    string Name,
    IReadOnlyList<string> Versions,
    string Device,
    string Executor,
    string ExecutorFallback,
    IReadOnlyList<EffortFigures> Efforts,
    double Effort,
    int InFlight,
    int Waiting,
    double ImagesPerSecond,
    LatencyFigures? Latency,
    CountFigures Count,
    CountFigures Total,
    IReadOnlyDictionary<string, long> Requests,
    IReadOnlyList<BlockFigures> Blocks,
    IReadOnlyList<long> Shares,
    IReadOnlyList<SecondFigures> History);
