namespace LCNet.Server;

/// <summary>A version in the index of the repository.</summary>
/// <param name="Name">The model.</param>
/// <param name="Version">The version.</param>
/// <param name="State"><c>READY</c> where it is served, else <c>UNAVAILABLE</c>.</param>
/// <param name="Reason">Why what lies in its folder could not be loaded; empty where nothing is wrong.</param>
internal sealed record RepositoryModel(string Name, string Version, string State, string Reason);
