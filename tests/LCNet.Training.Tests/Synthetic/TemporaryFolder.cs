namespace LCNet.Training.Tests.Synthetic;

/// <summary>A folder that is removed when disposed.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lcnet-tests-").FullName;

    /// <summary>A path in the folder.</summary>
    public string At(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
