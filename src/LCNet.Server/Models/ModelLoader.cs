using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Server.Configuration;
using LCNet.Server.Hosting;

namespace LCNet.Server.Models;

/// <summary>Makes the engine that runs a bundle, <see cref="InferenceEngine.Load(Bundle, EngineOptions)"/> unless another is added to the server's services. Thread-safe.</summary>
/// <param name="bundle">Verified.</param>
/// <returns>The engine; whoever asked for it owns it.</returns>
/// <exception cref="DeviceException">The device cannot be used.</exception>
/// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
public delegate InferenceEngine EngineFactory(Bundle bundle, EngineOptions options);

/// <summary>Makes models of bundles, on the device of the options or, once that has failed and where they say so, on the CPU. Not thread-safe.</summary>
internal sealed class ModelLoader(ServerOptions options, EngineFactory engines, TimeProvider time, ILogger<ModelLoader> logger)
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

            if (engine.Times is { } times && times.Gated > times.Static)
            {
                Log.GatesDoNotPay(logger, model.Name, engine.Device, times.Images, times.Gated.TotalMilliseconds, times.Static.TotalMilliseconds);
            }

            if (model.Agreement.FirstFloor is { } floor)
            {
                Log.EffortFloorSet(logger, floor.IsOutOfReach ? LogLevel.Warning : LogLevel.Information, model.Name, floor.After, _options.MinAgreement!.Value, floor.DisagreementBound, floor.Remark);
            }
            else if (_options.MinAgreement is not null)
            {
                Log.NoAgreements(logger, model.Name);
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
            return engines(bundle, Engine(_options));
        }
        catch (DeviceException exception) when (_options is { FallbackToCpu: true, Device: not "cpu" })
        {
            Log.FellBack(logger, _options.Device, exception.Message);
            FallBack();
            return engines(bundle, Engine(_options));
        }
    }

    private static EngineOptions Engine(ServerOptions options) => new()
    {
        Device = options.Device,
        Executor = options.Executor,
        Tf32 = options.Tf32,
        SelfCheck = options.SelfCheck,
        MaxBatch = options.BatchMaxImages,
        MaxDelay = options.BatchMaxDelay,
        FlopsBudget = options.BatchMaxFlops,
    };
}
