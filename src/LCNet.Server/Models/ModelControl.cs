namespace LCNet.Server;

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
