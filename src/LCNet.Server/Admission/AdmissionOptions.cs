namespace LCNet.Server.Admission;

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
