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
}
