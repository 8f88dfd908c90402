namespace LCNet.Server;

/// <summary>One second.</summary>
/// <param name="ImagesPerSecond">Images answered a second.</param>
/// <param name="P95">Of the requests answered in it; null where there was none.</param>
internal sealed record SecondFigures(double ImagesPerSecond, double? P95);
