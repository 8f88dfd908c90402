namespace LCNet.Server;

/// <summary>What is known of one version's folder. Stamps are those of <see cref="Runtime.ModelFolder"/>. Not thread-safe.</summary>
internal sealed class ModelEntry
{
    /// <summary>What is served of it; null for nothing.</summary>
    public ServedModel? Model { get; set; }

    /// <summary>The stamp of what is served; null for nothing.</summary>
    public string? Served { get; set; }

    /// <summary>The stamp at the latest look; null before one.</summary>
    public string? Seen { get; set; }

    /// <summary>The stamp of what was refused last; null where nothing was, or something has been served since.</summary>
    public string? Refused { get; set; }

    /// <summary>Why it was refused.</summary>
    public string Problem { get; set; } = string.Empty;
}
