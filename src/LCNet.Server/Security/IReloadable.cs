namespace LCNet.Server;

/// <summary>Something that was read from files which may change. Thread-safe.</summary>
internal interface IReloadable
{
    /// <summary>Reads the files again where they have changed. Never throws for what is in them.</summary>
    void Refresh();
}
