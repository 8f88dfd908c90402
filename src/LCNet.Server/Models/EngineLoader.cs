using LCNet.Bundles;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Makes engines as they are made everywhere.</summary>
internal sealed class EngineLoader : IEngineLoader
{
    /// <inheritdoc/>
    public InferenceEngine Load(Bundle bundle, EngineOptions options) => InferenceEngine.Load(bundle, options);
}
