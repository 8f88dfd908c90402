using LCNet.Bundles;
using LCNet.Runtime.Tests.Synthetic;
using LCNet.Training.Networks;

namespace LCNet.Runtime.Tests.Models;

public sealed class ModelRepositoryTests : IDisposable
{
    private static readonly EngineOptions Options = new() { Workers = 1 };

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Find_NamesAndVersions_GivesTheRightModel()
    {
        foreach ((string model, int version) in new[] { ("beta", 2), ("beta", 10), ("beta", 9), ("alpha", 1) })
        {
            Export(model, version);
        }

        using ModelRepository repository = Load();
        Assert.Equal(["alpha/1", "beta/2", "beta/9", "beta/10"], repository.All.Select(Name));
        Assert.Equal("beta/10", Name(repository.Find("beta", "")));
        Assert.Equal("beta/9", Name(repository.Find("beta", "9")));
        Assert.Equal("alpha/1", Name(repository.Find("alpha", "")));
        Assert.Null(repository.Find("", ""));
        Assert.Null(repository.Find("", "1"));
        Assert.Null(repository.Find("gamma", ""));
        Assert.Null(repository.Find("Beta", ""));
        foreach (string version in new[] { "3", "-2", "2.0", " 2", "latest", "99999999999" })
        {
            Assert.Null(repository.Find("beta", version));
        }
    }

    [Fact]
    public async Task Find_NoNameAndOneModel_GivesThatOneReadyToRun()
    {
        Export("only", 1);
        Export("only", 3);
        using ModelRepository repository = Load();
        Assert.Equal("only/1", Name(repository.Find("", "1")));
        InferenceEngine engine = repository.Find("", "")!;
        Assert.Equal("only/3", Name(engine));
        InferenceResult result = engine.CreateResult();
        await engine.RunAsync(TestBundles.Images(engine.Bundle, 1, 1)[0], 1, Planner.NoCap, result, TestContext.Current.CancellationToken);
        Assert.True(result.ExecutedFlops >= engine.Bundle.Flops.Minimum);
    }

    [Theory]
    [InlineData("model/1", "model/2")]
    [InlineData("model/1", "model/01")]
    [InlineData("model/1", "other/1")]
    [InlineData("model/1", "amodel/1")]
    public void Load_FolderThatContradictsItsManifest_IsRefused(string from, string to)
    {
        Export("model", 1);
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.At(to))!);
        Directory.Move(_folder.At(from), _folder.At(to));
        BundleException exception = Assert.Throws<BundleException>(Load);
        Assert.Contains("bundle.json says model/1", Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.Equal(_folder.At(to), exception.Folder);
    }

    [Fact]
    public void Load_EmptyFolder_SaysSo()
    {
        Directory.CreateDirectory(_folder.At("model"));
        Assert.Contains("there is no bundle in it", Assert.Throws<BundleException>(Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MissingFolder_SaysSo()
    {
        string missing = _folder.At("missing");
        BundleException exception = Assert.Throws<BundleException>(() => ModelRepository.Load(missing, Options));
        Assert.Contains("there is no such folder", exception.Message, StringComparison.Ordinal);
        Assert.Contains(missing, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FolderWithoutManifest_IsRefusedNamingIt()
    {
        Export("good", 1);
        Directory.CreateDirectory(_folder.At("bad", "1"));
        BundleException exception = Assert.Throws<BundleException>(Load);
        Assert.Equal(_folder.At("bad", "1"), exception.Folder);
        Assert.StartsWith("bundle.json", Assert.Single(exception.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "block_01.onnx does not match its SHA-256")]
    [InlineData(false, "block_01.onnx is refused by ONNX Runtime")]
    public void Load_OneBadFileAmongGoodBundles_IsRefusedNamingIt(bool damaged, string problem)
    {
        Export("good", 1);
        Bundle bundle = Export("bad", 2);
        File.WriteAllText(bundle.PathOf("block_01.onnx"), "noise");
        if (!damaged)
        {
            Bundle.Write(bundle.Folder, bundle.Manifest);
        }

        BundleException exception = Assert.Throws<BundleException>(Load);
        Assert.Equal(bundle.Folder, exception.Folder);
        Assert.StartsWith(problem, Assert.Single(exception.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    public void Dispose() => _folder.Dispose();

    private static string Name(InferenceEngine? engine) => $"{engine?.Bundle.Manifest.Model}/{engine?.Bundle.Manifest.Version}";

    private ModelRepository Load() => ModelRepository.Load(_folder.Path, Options);

    private Bundle Export(string model, int version) =>
        RandomNetwork.Export(RandomNetwork.Shared(BlockKind.Basic, GateSpan.Model), _folder.Path, model, version);
}
