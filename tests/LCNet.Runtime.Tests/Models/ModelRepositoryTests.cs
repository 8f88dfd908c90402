using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Models;
using LCNet.Runtime.Tests.Synthetic;
using LCNet.Training.Networks;

namespace LCNet.Runtime.Tests.Models;

public sealed class ModelRepositoryTests : IDisposable
{
    private static readonly EngineOptions Options = new();

    private readonly TemporaryFolder _folder = new();

    private ModelRepository Repository => new(_folder.Path);

    [Fact]
    public void List_NamesAndVersions_GivesFoldersOfVersions()
    {
        foreach (string folder in new[] { "beta/2", "beta/10", "alpha/1", "beta/next", "beta/-1", "beta/1.5", ".snapshot/1", "alpha/1/2" })
        {
            Directory.CreateDirectory(_folder.At(folder));
        }

        IReadOnlyList<ModelFolder> there = Repository.List();
        Assert.Equal(["alpha", "beta", "beta"], there.Select(version => version.Model));
        Assert.Equal([_folder.At("alpha/1"), _folder.At("beta/10"), _folder.At("beta/2")], there.Select(version => version.Path));
    }

    [Fact]
    public void List_FileChanges_ChangesTheStampAndNothingElseDoes()
    {
        string file = _folder.At("model", "1", "stem.onnx");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var stamps = new List<string> { Stamp() };
        File.WriteAllText(file, "one");
        stamps.Add(Stamp());
        File.WriteAllText(file, "other");
        stamps.Add(Stamp());
        File.SetLastWriteTimeUtc(file, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        stamps.Add(Stamp());
        File.Move(file, file + "x");
        stamps.Add(Stamp());

        // As volumes of Kubernetes do it: the link stays, what it points to changes.
        File.WriteAllText(_folder.At("data"), "first");
        File.CreateSymbolicLink(file, _folder.At("data"));
        stamps.Add(Stamp());
        File.WriteAllText(_folder.At("data"), "second");
        stamps.Add(Stamp());

        Assert.Equal(stamps.Count, stamps.Distinct().Count());
        Assert.Equal(stamps[^1], Stamp());
    }

    [Theory]
    [InlineData("model/1", "model/2")]
    [InlineData("model/1", "model/01")]
    [InlineData("model/1", "other/1")]
    [InlineData("model/1", "amodel/1")]
    public void Open_FolderThatContradictsItsManifest_IsRefused(string from, string to)
    {
        Export("model", 1);
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.At(to))!);
        Directory.Move(_folder.At(from), _folder.At(to));
        BundleException exception = Assert.Throws<BundleException>(() => ModelRepository.Open(_folder.At(to)));
        Assert.Contains("bundle.json says model/1", Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.Equal(_folder.At(to), exception.Folder);
    }

    [Fact]
    public void Open_FolderThatAgrees_GivesTheBundle()
    {
        Export("model", 12);
        BundleManifest manifest = ModelRepository.Open(_folder.At("model/12")).Manifest;
        Assert.Equal(("model", 12), (manifest.Model, manifest.Version));
    }

    [Fact]
    public void List_MissingFolder_SaysSo()
    {
        string missing = _folder.At("missing");
        BundleException exception = Assert.Throws<BundleException>(() => new ModelRepository(missing).List());
        Assert.Contains("there is no such folder", exception.Message, StringComparison.Ordinal);
        Assert.Contains(missing, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FolderWithoutManifest_IsRefusedNamingIt()
    {
        Directory.CreateDirectory(_folder.At("bad", "1"));
        BundleException exception = Assert.Throws<BundleException>(() => ModelRepository.Open(_folder.At("bad", "1")));
        Assert.Equal(_folder.At("bad", "1"), exception.Folder);
        Assert.StartsWith("bundle.json", Assert.Single(exception.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "block_01.onnx does not match its SHA-256")]
    [InlineData(false, "block_01.onnx is refused by ONNX Runtime")]
    public void Load_BadFile_IsRefusedNamingIt(bool damaged, string problem)
    {
        Bundle bundle = Export("bad", 2);
        File.WriteAllText(bundle.PathOf("block_01.onnx"), "noise");
        if (!damaged)
        {
            Bundle.Write(bundle.Folder, bundle.Manifest);
        }

        BundleException exception = Assert.Throws<BundleException>(() => InferenceEngine.Load(ModelRepository.Open(bundle.Folder), Options));
        Assert.Equal(bundle.Folder, exception.Folder);
        Assert.StartsWith(problem, Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    public void Dispose() => _folder.Dispose();

    private string Stamp() => Assert.Single(Repository.List()).Stamp;

    private Bundle Export(string model, int version) =>
        RandomNetwork.Export(RandomNetwork.Shared(BlockKind.Basic, GateSpan.Model), _folder.Path, model, version);
}
