using LCNet.Bundles;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Makes models of bundles, on the device of the options or, once that has failed and where they say so, on the CPU. Not thread-safe.</summary>
internal sealed class ModelSource(ServerOptions options, IEngineLoader loader, TimeProvider time, ILogger<ModelSource> logger)
{
    private ServerOptions _options = options;

    /// <summary>From now on everything runs on the CPU.</summary>
    public void FallBack() => _options = _options with { Device = "cpu", Executor = _options.Executor == ExecutorKind.OnnxRuntime ? ExecutorKind.OnnxRuntime : ExecutorKind.Auto };

    /// <summary>Loads a bundle and makes it warm.</summary>
    /// <param name="bundle">Verified.</param>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
    public ServedModel Load(Bundle bundle)
    {
        InferenceEngine engine = LoadEngine(bundle);
        try
        {
            var model = new ServedModel(engine, _options, time);
            if (engine.Fallback is { } problem)
            {
                Log.ExecutorFellBack(logger, model.Name, model.Executor, problem);
            }

            return model;
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    private InferenceEngine LoadEngine(Bundle bundle)
    {
        try
        {
            return loader.Load(bundle, Engine(_options));
        }
        catch (DeviceException exception) when (_options is { FallbackToCpu: true, Device: not "cpu" })
        {
            Log.FellBack(logger, _options.Device, exception.Message);
            FallBack();
            return loader.Load(bundle, Engine(_options));
        }
    }

    private static EngineOptions Engine(ServerOptions options) => new()
    {
        Device = options.Device,
        Executor = options.Executor,
        MaxBatch = options.BatchMaxImages,
        MaxDelay = options.BatchMaxDelay,
        FlopsBudget = options.BatchMaxFlops,
    };
}
