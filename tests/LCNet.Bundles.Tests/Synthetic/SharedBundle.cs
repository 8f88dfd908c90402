namespace LCNet.Bundles.Tests;

/// <summary>One good bundle for all the tests of a class that change nothing but its manifest: making a folder a test is slow.</summary>
public sealed class SharedBundle : IDisposable
{
    private readonly byte[] _manifest;

    public SharedBundle()
    {
        _manifest = File.ReadAllBytes(Folder.Manifest);
    }

    internal BundleFolder Folder { get; } = BundleFolder.Example();

    /// <summary>The bundle as it was at first.</summary>
    internal BundleFolder Restored()
    {
        File.WriteAllBytes(Folder.Manifest, _manifest);
        return Folder;
    }

    public void Dispose() => Folder.Dispose();
}
