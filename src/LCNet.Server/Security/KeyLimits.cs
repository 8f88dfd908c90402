namespace LCNet.Server;

/// <summary>What a key may do. Null limits are none.</summary>
/// <param name="IsOperator">Whether it opens the live page and <c>/metrics</c>.</param>
/// <param name="ImagesPerSecond">Images a second, in the mean.</param>
/// <param name="FlopsPerSecond">FLOPs a second that its images' plans need, in the mean.</param>
/// <param name="ConcurrentImages">Images that wait or run at the same time.</param>
internal sealed record KeyLimits(bool IsOperator, double? ImagesPerSecond, double? FlopsPerSecond, int? ConcurrentImages);
