using LCNet.Runtime.Engine;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>Runs images of an engine beside each other, each in a session and on a thread of its own.</summary>
internal static class EngineCalls
{
    public static Task RunAsync(this InferenceEngine engine, ReadOnlyMemory<float> image, double effort, long cap, InferenceResult result, CancellationToken cancellation) => Task.Factory.StartNew(
        () =>
        {
            using EngineSession session = engine.CreateSession();
            session.Run(image, effort, cap, result, cancellation);
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);
}
