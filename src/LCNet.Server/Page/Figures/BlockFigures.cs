namespace LCNet.Server;

/// <summary>One residual block.</summary>
/// <param name="Channels">That it has.</param>
/// <param name="Executions">Images that ran it.</param>
/// <param name="Skips">Images that skipped it.</param>
/// <param name="MeanChannels">That it ran with, over the images that ran it; null where none did.</param>
internal sealed record BlockFigures(int Channels, long Executions, long Skips, double? MeanChannels);
