namespace LCNet.Runtime;

/// <summary>As many images wait as may. Nothing was run; trying again later may succeed.</summary>
public sealed class QueueFullException(int limit) : Exception($"the queue is full: {limit} images are waiting");
