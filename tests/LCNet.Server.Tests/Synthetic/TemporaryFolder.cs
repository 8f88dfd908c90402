namespace LCNet.Server.Tests;

/// <summary>A folder that is removed when disposed.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullName { get; } = Directory.CreateTempSubdirectory("lcnet-server-").FullName;

    public void Dispose() => Directory.Delete(FullName, recursive: true);
}
