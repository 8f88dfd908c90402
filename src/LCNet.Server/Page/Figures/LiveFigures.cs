namespace LCNet.Server;

/// <summary>What <c>GET /live/figures</c> returns. Durations are milliseconds.</summary>
/// <param name="State"><c>serving</c>, or <c>waiting</c> while models are loaded or the server drains.</param>
/// <param name="WindowSeconds">Time that the figures cover, up to a minute.</param>
/// <param name="MaxImageBytes">Largest image that is taken.</param>
/// <param name="Models">By name.</param>
/// <param name="UnknownModel">Requests of the window that named no model that is served, by status.</param>
internal sealed record LiveFigures(
    string State, double WindowSeconds, int MaxImageBytes, IReadOnlyList<ModelFigures> Models, IReadOnlyDictionary<string, long> UnknownModel);
