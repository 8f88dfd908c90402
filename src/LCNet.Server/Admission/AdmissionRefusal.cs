using System.Globalization;

namespace LCNet.Server.Admission;

/// <summary>Says that an image was not let in. Nothing was run.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Limit">The limit that it would have passed: images for <see cref="RefusalReason.Count"/> and <see cref="RefusalReason.KeyConcurrency"/>, bytes for <see cref="RefusalReason.Bytes"/>, else 0.</param>
/// <param name="Delay">How long the image would have waited, as far as that is known; not negative.</param>
/// <param name="RetryAfter">When to try again, above zero; spread at random, so that those that were refused together do not come back together.</param>
internal sealed record AdmissionRefusal(RefusalReason Reason, long Limit, TimeSpan Delay, TimeSpan RetryAfter)
{
    /// <summary>
    /// For people; short, and ASCII as it travels as a header. The same text for the same reason, so that those who watch can count them: what changes from refusal to refusal is told apart from it.
    /// </summary>
    public string Detail => Reason switch
    {
        RefusalReason.Count => string.Create(CultureInfo.InvariantCulture, $"the queue is full: {Limit} images are waiting"),
        RefusalReason.Bytes => string.Create(CultureInfo.InvariantCulture, $"the queue is full: waiting requests hold {Limit} bytes"),
        RefusalReason.Deadline => "the image would wait longer than the deadline leaves",
        RefusalReason.KeyRate => "the API key's images a second are used up",
        RefusalReason.KeyFlops => "the API key's FLOPs a second are used up",
        RefusalReason.KeyConcurrency => string.Create(CultureInfo.InvariantCulture, $"the API key has {Limit} images on their way, as many as it may"),
        _ => "the queue is full: an image would wait longer than the queue's objective",
    };
}

/// <summary>Why an image was not let in.</summary>
internal enum RefusalReason
{
    /// <summary>What waits already would take longer than an image may wait.</summary>
    Delay,

    /// <summary>As many images wait as are allowed to.</summary>
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

/// <summary>How much may wait for a model. Immutable.</summary>
internal sealed record AdmissionOptions
{
    /// <summary>Images that run at the same time, at least 1.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Images that may wait, at least 0.</summary>
    public int MaxCount { get; init; } = 1024;

    /// <summary>Bytes that the requests of waiting images may hold together, at least 0.</summary>
    public long MaxBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>How long an image that is admitted may be expected to wait, above zero.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Clients that have a line of their own, at least 1; any more share one.</summary>
    public int MaxClients { get; init; } = 256;

    /// <summary>
    /// FLOPs that a client's line may spend in one round, above 0: that of a dense image lets every line run at least one image a round.
    /// </summary>
    public long Quantum { get; init; } = 1;
}
