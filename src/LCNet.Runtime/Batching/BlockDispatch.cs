using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Batching;

/// <summary>The rows that a dispatch reads.</summary>
/// <param name="Rows">How many, those that pad it included.</param>
/// <param name="At">Where they lie together: the first value of the first of them. -1 where they do not.</param>
/// <param name="IndicesAt">Where they lie apart: the place on the <see cref="DispatchTape"/> of their numbers, counted in rows of their shape.</param>
internal readonly record struct RowSource(int Rows, long At, int IndicesAt);

/// <summary>What a dispatch of a block runs.</summary>
internal enum BlockForm
{
    /// <summary>All its channels, with constant weights; what an image does not keep is scaled by 0.</summary>
    Whole,

    /// <summary>Chosen channels of one image.</summary>
    Kept,

    /// <summary>Its shortcut alone.</summary>
    Shortcut,
}

/// <summary>One dispatch of a block. Where its inputs are on the <see cref="DispatchTape"/> is given as places there.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Form">What of it runs.</param>
/// <param name="Source">What it reads.</param>
/// <param name="At">Where it writes: the first value of as many consecutive rows.</param>
/// <param name="Channels">Channels that are computed; 0 for the shortcut alone.</param>
/// <param name="KeepAt">Index, of chosen channels: which they are.</param>
/// <param name="ScalesAt">Value: the scale of each channel, row after row. Not there where a whole block has none besides <paramref name="LastAt"/>.</param>
/// <param name="LastAt">Value: of a whole block <see cref="FusedGraphs.LastScale"/>, row after row; of chosen channels the scale of the branch.</param>
internal readonly record struct BlockDispatch(int Block, BlockForm Form, RowSource Source, long At, int Channels, int KeepAt, int ScalesAt, int LastAt);
