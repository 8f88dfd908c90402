namespace LCNet.Server;

/// <summary>What <c>POST /live/classify</c> returns. FLOPs and times are those of the gRPC reply.</summary>
/// <param name="Model">That ran.</param>
/// <param name="Version">Of the model.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Effort">At which the gates decided.</param>
/// <param name="Predictions">Most probable first.</param>
/// <param name="DenseFlops">What the static network would cost.</param>
/// <param name="PlannedFlops">What the plan needs.</param>
/// <param name="ExecutedFlops">What was dispatched.</param>
/// <param name="GateFlops">The gates' part.</param>
/// <param name="QueueUs">Waiting, in microseconds.</param>
/// <param name="ExecuteUs">Gates, planning and dispatches, in microseconds.</param>
/// <param name="Blocks">The plan, in the order of the network.</param>
internal sealed record LiveReply(
    string Model,
    string Version,
    string Device,
    double Effort,
    IReadOnlyList<LivePrediction> Predictions,
    long DenseFlops,
    long PlannedFlops,
    long ExecutedFlops,
    long GateFlops,
    long QueueUs,
    long ExecuteUs,
    IReadOnlyList<LiveBlock> Blocks);
