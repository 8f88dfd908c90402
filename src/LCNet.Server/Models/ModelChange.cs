namespace LCNet.Server;

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
