namespace LCNet.Runtime;

/// <summary>Images that run a block in one dispatch.</summary>
/// <param name="First">Where its images begin in <see cref="BlockGrouper.Images"/>.</param>
/// <param name="Count">How many images.</param>
/// <param name="Rows">Rows of the dispatch, at least <paramref name="Count"/>.</param>
/// <param name="Channels">Channels of the dispatch, at least the union of those that its images keep.</param>
internal readonly record struct BlockGroup(int First, int Count, int Rows, int Channels);
