using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;

[assembly: AssemblyFixture(typeof(LCNet.Page.Tests.ShippedServer))]

namespace LCNet.Page.Tests;

/// <summary>The real server over the shipped bundle, and the engine by itself to compare with.</summary>
public sealed class ShippedServer : IAsyncLifetime
{
    private InferenceEngine? _engine;

    internal static string Models => Path.Combine(AppContext.BaseDirectory, "models");

    internal RunningServer Server { get; private set; } = null!;

    /// <summary>A photograph that training held back.</summary>
    internal static string Photograph(string label, string number) => RepositoryFiles.Of("tests", "data", "cifar10", label, $"{number}.jpg");

    public async ValueTask InitializeAsync()
    {
        Server = await RunningServer.StartAsync(Models, new Dictionary<string, string>(), "--LCNet:ShadowRate=0.2");
        string version = Directory.GetDirectories(Directory.GetDirectories(Models).Single()).Single();
        _engine = InferenceEngine.Load(Bundle.Open(version), new EngineOptions());
    }

    public ValueTask DisposeAsync()
    {
        Server.Dispose();
        _engine?.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The plan of a photograph, without any server.</summary>
    internal async Task<ImagePlan> PlanAsync(string file, double effort)
    {
        InputSpec input = _engine!.Bundle.Manifest.Input;
        byte[] rgb = new byte[input.Length];
        ImageDecoder.Decode(await File.ReadAllBytesAsync(file), input.Width, input.Height, ImageLimits.Default, rgb);
        float[] values = new float[input.Length];
        Pixels.Normalise(rgb, input.Mean, input.Std, values);
        InferenceResult result = _engine.CreateResult();
        using EngineSession session = _engine.CreateSession();
        session.Run(values, effort, Planner.NoCap, result, TestContext.Current.CancellationToken);
        return result.Plan;
    }
}
