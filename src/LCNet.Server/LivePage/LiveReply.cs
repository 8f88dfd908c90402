using System.Text.Json.Serialization;

namespace LCNet.Server.LivePage;

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

/// <summary>One label.</summary>
/// <param name="Label">Its name.</param>
/// <param name="Index">Its place among the logits.</param>
/// <param name="Probability">In [0, 1].</param>
internal sealed record LivePrediction(string Label, int Index, float Probability);

/// <summary>What an image's plan made of one residual block.</summary>
/// <param name="Channels">That the block has.</param>
/// <param name="Kept">Those that it ran with, ascending; none where it was skipped.</param>
/// <param name="Scale">Of the block's branch, in (0, 1]; 0 where it was skipped.</param>
internal sealed record LiveBlock(int Channels, long[] Kept, float Scale);

/// <summary>Why an image was not classified, as RFC 9457 has it.</summary>
/// <param name="Title">The gRPC status that the same request would have got, for example <c>INVALID_ARGUMENT</c>.</param>
/// <param name="Status">Of HTTP.</param>
/// <param name="Detail">As the gRPC call says it: the field in error and its limit.</param>
/// <param name="Field">That is in error, the first where there are several; null where none is.</param>
internal sealed record LiveProblem(
    string Title,
    int Status,
    string Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Field);

/// <summary>Writes what the live page asks for, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LiveSnapshot))]
[JsonSerializable(typeof(LiveReply))]
[JsonSerializable(typeof(LiveProblem))]
internal sealed partial class LiveJson : JsonSerializerContext;
