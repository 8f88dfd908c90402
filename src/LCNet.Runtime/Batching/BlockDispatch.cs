namespace LCNet.Runtime;

/// <summary>One dispatch of a block or of its shortcut alone. Where its inputs are on the <see cref="DispatchTape"/> is given as places there.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Rows">Rows to compute, those that pad it included.</param>
/// <param name="Channels">Channels to compute; 0 for the shortcut alone.</param>
/// <param name="RowsAt">Index: the slot of each row in the buffer of the block's input.</param>
/// <param name="KeepAt">Index: the channels.</param>
/// <param name="ScalesAt">Value: the scale of each channel, row after row.</param>
/// <param name="LayersAt">Value: the scale of the branch of each row.</param>
/// <param name="Slot">The first slot of the buffer of the block's output that it writes; the others follow.</param>
internal readonly record struct BlockDispatch(int Block, int Rows, int Channels, int RowsAt, int KeepAt, int ScalesAt, int LayersAt, int Slot);
