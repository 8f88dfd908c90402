namespace LCNet.Server;

/// <summary>Why a call of the repository did nothing, or not all.</summary>
/// <param name="Error">For people.</param>
internal sealed record RepositoryError(string Error);
