namespace LCNet.Server.Models;

/// <summary>What makes a running server load and unload models.</summary>
public enum ModelControl
{
    /// <summary>Nothing: it serves what it found when it started.</summary>
    None,

    /// <summary>The folder, at which it looks again and again.</summary>
    Poll,

    /// <summary>Calls under <c>/v2/repository</c> of the HTTP port.</summary>
    Explicit,
}

/// <summary>What happened to a version of a model.</summary>
internal enum ModelChange
{
    /// <summary>It is served, in place of what its folder held before where that was served.</summary>
    Loaded,

    /// <summary>It is not served any more.</summary>
    Unloaded,

    /// <summary>It could not be loaded; nothing has changed.</summary>
    Refused,
}

/// <summary>What is known of one version's folder. Stamps are those of <see cref="LCNet.Runtime.Models.ModelFolder"/>. Not thread-safe.</summary>
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
