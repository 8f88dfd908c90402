namespace LCNet.Runtime;

/// <summary>Says that an image was not let in. Nothing was run.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Limit">The limit that it would have passed: images for <see cref="RefusalReason.Count"/> and <see cref="RefusalReason.KeyConcurrency"/>, bytes for <see cref="RefusalReason.Bytes"/>, else 0.</param>
/// <param name="Delay">How long the image would have waited, as far as that is known; not negative.</param>
/// <param name="RetryAfter">When to try again, above zero; spread at random, so that those that were refused together do not come back together.</param>
public sealed record AdmissionRefusal(RefusalReason Reason, long Limit, TimeSpan Delay, TimeSpan RetryAfter);
