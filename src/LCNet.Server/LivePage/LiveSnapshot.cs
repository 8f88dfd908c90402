using System.Text.Json.Serialization;

namespace LCNet.Server.LivePage;

/// <summary>What <c>GET /live/figures</c> returns: what has been counted since the server started, and how things stand. The page keeps the answers of the last minute and takes differences.</summary>
/// <param name="State"><c>serving</c> while calls are taken, else <c>waiting</c>.</param>
/// <param name="Time">When, in seconds of the server's clock from an arbitrary moment.</param>
/// <param name="MaxImageBytes">Largest image that is taken.</param>
/// <param name="Models">By name.</param>
/// <param name="UnknownModel">Requests that named no model that is served, by status.</param>
internal sealed record LiveSnapshot(string State, double Time, int MaxImageBytes, IReadOnlyList<LiveModel> Models, IReadOnlyDictionary<string, long> UnknownModel);

/// <summary>One model, all its versions together.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Versions">Those that are served, ascending.</param>
/// <param name="Device">Where it runs.</param>
/// <param name="Executor">What runs it.</param>
/// <param name="ExecutorFallback">Why that is not the fastest one for the device; empty where it is.</param>
/// <param name="Efforts">What each effort gave on validation images, of the highest version.</param>
/// <param name="Effort">Of requests that state neither an effort nor a cap.</param>
/// <param name="InFlight">Requests that have begun and not ended.</param>
/// <param name="Waiting">Images that wait.</param>
/// <param name="Agreement">What shadow runs found in the last hour, of the highest version.</param>
/// <param name="Counts">What the meter has counted.</param>
/// <param name="Blocks">What was counted of each block, in the order of the network.</param>
internal sealed record LiveModel(
    string Name,
    IReadOnlyList<string> Versions,
    string Device,
    string Executor,
    string ExecutorFallback,
    IReadOnlyList<LiveEffort> Efforts,
    double Effort,
    int InFlight,
    int Waiting,
    LiveAgreements Agreement,
    LiveCounts Counts,
    IReadOnlyList<LiveBlockCounts> Blocks);

/// <summary>One effort of the calibration table.</summary>
/// <param name="Effort">In (0, 1].</param>
/// <param name="Share">Mean planned share of the dense FLOPs.</param>
/// <param name="Top1">Share of validation images that it got right.</param>
/// <param name="Milliseconds">What an image took in the mean where the bundle was timed; null where it was not.</param>
internal sealed record LiveEffort(double Effort, double Share, double Top1, double? Milliseconds);

/// <summary>How often answers were the whole network's.</summary>
/// <param name="Images">That were compared.</param>
/// <param name="Share">Of those that agree; null without any.</param>
/// <param name="Low">Lower end of its 95 % interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="Expected">By the calibration table, at the efforts of those images; null where it does not say.</param>
internal sealed record LiveAgreements(long Images, double? Share, double Low, double High, double? Expected);

/// <summary>What the meter has counted of one model.</summary>
/// <param name="DenseFlops">That the static network would have cost, of images answered.</param>
/// <param name="PlannedFlops">That the plans needed.</param>
/// <param name="Shares">Images answered by planned share of the dense FLOPs, in equal steps from 0 to 1.</param>
/// <param name="Durations">Of requests answered, ascending.</param>
/// <param name="Requests">By status; those that did not occur are left out.</param>
internal sealed record LiveCounts(
    long DenseFlops, long PlannedFlops, IReadOnlyList<long> Shares, IReadOnlyList<LiveDuration> Durations, IReadOnlyDictionary<string, long> Requests);

/// <summary>How many requests took about as long.</summary>
/// <param name="Milliseconds">Known to within 3.2 %.</param>
/// <param name="Count">Above 0.</param>
internal sealed record LiveDuration(double Milliseconds, long Count);

/// <summary>What was counted of one residual block.</summary>
/// <param name="Channels">That it has.</param>
/// <param name="Executions">Images that ran it.</param>
/// <param name="Skips">Images that skipped it.</param>
/// <param name="ChannelsRun">That it ran with, added up over images.</param>
internal sealed record LiveBlockCounts(int Channels, long Executions, long Skips, long ChannelsRun);

/// <summary>Writes what the live page asks for, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LiveSnapshot))]
internal sealed partial class LiveJson : JsonSerializerContext;
