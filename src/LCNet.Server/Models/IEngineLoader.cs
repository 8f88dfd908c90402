using LCNet.Bundles;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Makes the engines that run models. One that is added to the server's services replaces the server's own. Thread-safe.</summary>
public interface IEngineLoader
{
    /// <summary>Loads a network, and runs it once so that the first request finds it warm.</summary>
    /// <param name="bundle">Verified.</param>
    /// <param name="options">How the engine runs.</param>
    /// <returns>The engine; whoever asked for it owns it.</returns>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    /// <exception cref="BundleException">A segment cannot be loaded or run; the message names its file.</exception>
    InferenceEngine Load(Bundle bundle, EngineOptions options);
}
