using System.Text.Json.Serialization;

namespace LCNet.Bundles;

/// <summary>
/// What one residual block costs as a function of the inner channels that are kept, in FLOPs
/// (2 × multiply-accumulates of convolutions; batch norm, activations and additions are not counted).
/// </summary>
/// <remarks>
/// For an output map of P pixels, a basic block with c input and n output channels costs 2·9·P·(c + n) for each kept inner channel.
/// A bottleneck block keeps the same channels after its 1×1 and its 3×3 convolution, so its 3×3 costs 2·9·P for each pair of
/// kept channels. The shortcut's projection is paid whether or not the block runs.
/// </remarks>
/// <param name="Shortcut">Cost of the projection shortcut; 0 for an identity.</param>
/// <param name="PerChannel">Cost of each kept channel.</param>
/// <param name="PerChannelSquared">Cost of each ordered pair of kept channels; 0 for a basic block.</param>
public sealed record BlockFlops(
    [property: JsonRequired] long Shortcut,
    [property: JsonRequired] long PerChannel,
    [property: JsonRequired] long PerChannelSquared)
{
    /// <summary>FLOPs of the block with <paramref name="channels"/> inner channels kept; 0 channels means that the block is skipped.</summary>
    public long At(int channels) => Shortcut + (PerChannel * channels) + (PerChannelSquared * channels * channels);
}
