namespace LCNet.Runtime;

/// <summary>How an engine runs.</summary>
public sealed record EngineOptions
{
    /// <summary>Where to run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>What runs segments. Default: <see cref="ExecutorKind.Auto"/>.</summary>
    public ExecutorKind Executor { get; init; }

    /// <summary>Images that run at the same time; 0 (default) for one a processor core on the CPU and one on a GPU.</summary>
    public int Workers { get; init; }

    /// <summary>Images that may wait for a worker, at least 0; one more is refused.</summary>
    public int MaxQueue { get; init; } = 1024;
}
