namespace LCNet.Server;

/// <summary>What an image's plan made of one residual block.</summary>
/// <param name="Channels">That the block has.</param>
/// <param name="Kept">Those that it ran with, ascending; none where it was skipped.</param>
/// <param name="Scale">Of the block's branch, in (0, 1]; 0 where it was skipped.</param>
internal sealed record LiveBlock(int Channels, long[] Kept, float Scale);
