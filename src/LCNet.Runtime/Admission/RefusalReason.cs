namespace LCNet.Runtime;

/// <summary>Why an image was not let in.</summary>
public enum RefusalReason
{
    /// <summary>What waits already would take longer than an image may wait.</summary>
    Delay,

    /// <summary>As many images wait as may.</summary>
    Count,

    /// <summary>The requests that wait hold as many bytes as they may.</summary>
    Bytes,

    /// <summary>What waits already would take longer than the caller's deadline leaves.</summary>
    Deadline,

    /// <summary>The caller's key has had its images of this second.</summary>
    KeyRate,

    /// <summary>The caller's key has had its FLOPs of this second.</summary>
    KeyFlops,

    /// <summary>The caller's key has as many images on their way as it may have.</summary>
    KeyConcurrency,
}
