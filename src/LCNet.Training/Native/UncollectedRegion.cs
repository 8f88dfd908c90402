using System.Runtime;

namespace LCNet.Training.Native;

/// <summary>While one is open no garbage is collected in this process; for calls of torch. One thread at a time has one, the others wait. Regions may be nested.</summary>
/// <remarks>
/// TorchSharp frees the native number behind a <see cref="TorchSharp.Scalar"/> in its finalizer, and does not keep a number that was converted implicitly,
/// as in <c>2 * x</c> and in its own batch norm, alive during the call. A collection at that moment lets torch read freed memory, which it reports as
/// "Unknown scalar type" or "Expected false to be true" (TorchSharp 0.107, dotnet/TorchSharp#1434). Opening a region collects what there is and costs about half a
/// millisecond. Who allocates more than <see cref="Bytes"/> in one is collected all the same.
/// </remarks>
public sealed class UncollectedRegion : IDisposable
{
    /// <summary>What may be allocated in a region, by all threads.</summary>
    public const long Bytes = 192L << 20;

    private static readonly Lock Gate = new();
    private static int _depth;

    private UncollectedRegion()
    {
    }

    /// <summary>Opens a region, when no other thread has one. Dispose it on the same thread.</summary>
    public static UncollectedRegion Open()
    {
        Gate.Enter();
        if (_depth++ == 0 && GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
        {
            GC.TryStartNoGCRegion(Bytes);
        }

        return new UncollectedRegion();
    }

    /// <summary>Closes the region; what may be collected is collected again.</summary>
    public void Dispose()
    {
        try
        {
            if (--_depth == 0)
            {
                GC.EndNoGCRegion();
            }
        }
        catch (InvalidOperationException)
        {
            // More was allocated than the region holds, so that it ended early.
        }
        finally
        {
            Gate.Exit();
        }
    }
}
