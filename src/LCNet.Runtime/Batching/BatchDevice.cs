using System.Runtime.InteropServices;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Memory of a device and what moves between it and the host. Copies are made in the order of the device's other work and need not have ended when a call returns. Memory is taken by one thread at a time and freed with the device. Thread-safe
/// otherwise.
/// </summary>
internal abstract class BatchDevice : IHostMemory, IDisposable
{
    /// <summary>Makes the device that runs batches.</summary>
    /// <param name="tf32">Whether a GPU may round what it multiplies to TF32.</param>
    /// <exception cref="DeviceException">It cannot be used.</exception>
    public static BatchDevice Open(ComputeDevice device, bool tf32) => device.IsCuda ? new CudaBatchDevice(device.Index, tf32) : new CpuBatchDevice();

    /// <summary>What the device is called in ONNX Runtime.</summary>
    public abstract OrtMemoryInfo Memory { get; }

    /// <summary>Options of sessions whose work runs in order with the device's copies.</summary>
    /// <exception cref="DeviceException">The device cannot be used.</exception>
    public abstract SessionOptions CreateOptions();

    /// <summary>Lets the calling thread give work to the device; once a thread.</summary>
    public abstract void Enter();

    /// <summary>Takes memory of the device.</summary>
    /// <exception cref="DeviceException">There is not enough.</exception>
    public abstract nint Allocate(long bytes);

    /// <inheritdoc/>
    public abstract nint AllocateHost(long bytes);

    /// <summary>Copies from the host's memory to the device's.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public abstract void Upload(nint host, nint device, long bytes);

    /// <summary>Copies from the device's memory to the host's.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public abstract void Download(nint device, nint host, long bytes);

    /// <summary>Waits until everything that the device has been given so far, by whomever, has been done.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public abstract void Wait();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees all memory.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>The CPU as a device with memory of its own, for what runs batches there: tests.</summary>
internal sealed unsafe class CpuBatchDevice : BatchDevice
{
    private const int Alignment = 64;

    private readonly List<nint> _memory = [];

    /// <inheritdoc/>
    public override OrtMemoryInfo Memory { get; } = new(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);

    /// <inheritdoc/>
    public override SessionOptions CreateOptions() => OnnxSessions.Options(new ComputeDevice(IsCuda: false, 0));

    /// <inheritdoc/>
    public override void Enter()
    {
    }

    /// <inheritdoc/>
    public override nint Allocate(long bytes)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
        NativeMemory.Clear(memory, (nuint)bytes);
        _memory.Add((nint)memory);
        return (nint)memory;
    }

    /// <inheritdoc/>
    public override nint AllocateHost(long bytes) => Allocate(bytes);

    /// <inheritdoc/>
    public override void Upload(nint host, nint device, long bytes) => NativeMemory.Copy((void*)host, (void*)device, (nuint)bytes);

    /// <inheritdoc/>
    public override void Download(nint device, nint host, long bytes) => NativeMemory.Copy((void*)device, (void*)host, (nuint)bytes);

    /// <inheritdoc/>
    public override void Wait()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (nint memory in _memory)
        {
            NativeMemory.AlignedFree((void*)memory);
        }

        _memory.Clear();
        Memory.Dispose();
    }
}
