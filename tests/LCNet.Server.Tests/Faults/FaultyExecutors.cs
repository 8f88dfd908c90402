using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Server.Tests;

/// <summary>Executors of which a test says when their dispatches fail, and the loader that brings them into a server. Thread-safe.</summary>
internal sealed class FaultyExecutors(Func<Bundle, ISegmentExecutor> create, string? device = null)
{
    private int _thrown;

    /// <summary>Asked before each dispatch what it throws; null for nothing.</summary>
    public Func<Exception?>? Fault { get; set; }

    /// <summary>Dispatches that failed.</summary>
    public int Thrown => Volatile.Read(ref _thrown);

    public InferenceEngine Load(Bundle bundle, EngineOptions options) =>
        InferenceEngine.Load(bundle, new FaultyExecutor(this, create(bundle), device));

    private void Check()
    {
        if (Fault?.Invoke() is { } exception)
        {
            Interlocked.Increment(ref _thrown);
            throw exception;
        }
    }

    private sealed class FaultyExecutor(FaultyExecutors owner, ISegmentExecutor inner, string? device) : ISegmentExecutor
    {
        public string Device => device ?? inner.Device;

        public ISegmentLane CreateLane() => new FaultyLane(owner, inner.CreateLane());

        public void Dispose() => inner.Dispose();
    }

    private sealed class FaultyLane(FaultyExecutors owner, ISegmentLane inner) : ISegmentLane
    {
        public void Stem(ReadOnlySpan<float> image)
        {
            owner.Check();
            inner.Stem(image);
        }

        public void Gate(int span, float price, Span<float> layers, Span<float> channels)
        {
            owner.Check();
            inner.Gate(span, price, layers, channels);
        }

        public void Block(int block, ReadOnlySpan<long> keep, ReadOnlySpan<float> channelScales, float layerScale)
        {
            owner.Check();
            inner.Block(block, keep, channelScales, layerScale);
        }

        public void Shortcut(int block)
        {
            owner.Check();
            inner.Shortcut(block);
        }

        public void Head(Span<float> logits)
        {
            owner.Check();
            inner.Head(logits);
        }

        public void Dispose() => inner.Dispose();
    }
}
