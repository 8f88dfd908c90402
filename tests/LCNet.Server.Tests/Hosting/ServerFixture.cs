using LCNet.Bundles;

[assembly: AssemblyFixture(typeof(LCNet.Server.Tests.ServerFixture))]

namespace LCNet.Server.Tests;

/// <summary>What all tests share and none changes: model folders, and a server over each.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    internal const string Model = "alpha";
    internal const string OtherModel = "beta";
    private readonly TemporaryFolder _folder = new();

    /// <summary>A folder with one version of one model.</summary>
    public string OneModel => Path.Combine(_folder.FullName, "one");

    /// <summary>A folder with two versions of one model, and one of another.</summary>
    public string SeveralModels => Path.Combine(_folder.FullName, "several");

    /// <summary>The bundle in <see cref="OneModel"/>.</summary>
    public Bundle Bundle { get; private set; } = null!;

    internal TestServer One { get; private set; } = null!;

    internal TestServer Several { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Bundle = TestBundle.Write(OneModel, Model, 3, seed: 1);
        TestBundle.Write(SeveralModels, Model, 9, seed: 2);
        TestBundle.Write(SeveralModels, Model, 10, seed: 3);
        TestBundle.Write(SeveralModels, OtherModel, 1, seed: 4, bottleneck: true);
        One = await TestServer.StartAsync(OneModel);
        Several = await TestServer.StartAsync(SeveralModels);
    }

    public async ValueTask DisposeAsync()
    {
        await One.DisposeAsync();
        await Several.DisposeAsync();
        _folder.Dispose();
    }
}
