namespace LCNet.Server.Tests;

/// <summary>One line of <c>/metrics</c>.</summary>
/// <param name="Name">Of the series.</param>
/// <param name="Labels">By name.</param>
/// <param name="Value">As written.</param>
internal sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);
