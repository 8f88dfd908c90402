using System.Globalization;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Batching;

/// <summary>
/// An NVIDIA GPU, with one stream for everything: what one session is given to do then begins after what another was given before, without anybody waiting for it.
/// </summary>
internal sealed class CudaBatchDevice : BatchDevice
{
    private readonly int _index;
    private readonly bool _tf32;
    private readonly nint _stream;
    private readonly List<nint> _device = [];
    private readonly List<nint> _host = [];

    /// <summary>Opens a GPU, on the calling thread too.</summary>
    /// <param name="index">Which one.</param>
    /// <param name="tf32">Whether it may round what it multiplies to TF32.</param>
    /// <exception cref="DeviceException">It cannot be used in this build or on this machine.</exception>
    public CudaBatchDevice(int index, bool tf32)
    {
        (_index, _tf32) = (index, tf32);
        var device = new ComputeDevice(IsCuda: true, index);
        OnnxSessions.RequireCuda(device);
        Memory = OnnxSessions.Memory(device);
        Enter();
        CudaRuntime.RequireLibraries();
        _stream = CudaRuntime.CreateStream();
    }

    /// <inheritdoc/>
    public override OrtMemoryInfo Memory { get; }

    /// <inheritdoc/>
    public override SessionOptions CreateOptions() => OnnxSessions.Options(new ComputeDevice(IsCuda: true, _index), _stream, _tf32);

    /// <inheritdoc/>
    public override void Enter() => CudaRuntime.SetDevice(_index);

    /// <inheritdoc/>
    public override nint Allocate(long bytes)
    {
        nint memory = CudaRuntime.Allocate(bytes);
        _device.Add(memory);
        return memory;
    }

    /// <inheritdoc/>
    public override unsafe nint AllocateHost(long bytes)
    {
        // Images ask for memory on threads of their own, which would else wake another GPU.
        Enter();
        nint memory = CudaRuntime.AllocateHost(bytes);
        _host.Add(memory);
        System.Runtime.InteropServices.NativeMemory.Clear((void*)memory, (nuint)bytes);
        return memory;
    }

    /// <inheritdoc/>
    public override void Upload(nint host, nint device, long bytes) => CudaRuntime.Copy(device, host, bytes, toDevice: true, _stream);

    /// <inheritdoc/>
    public override void Download(nint device, nint host, long bytes) => CudaRuntime.Copy(host, device, bytes, toDevice: false, _stream);

    /// <inheritdoc/>
    public override void Wait() => CudaRuntime.Wait(_stream);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"cuda:{_index}");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (nint memory in _device)
        {
            CudaRuntime.Free(memory);
        }

        foreach (nint memory in _host)
        {
            CudaRuntime.FreeHost(memory);
        }

        _device.Clear();
        _host.Clear();
        CudaRuntime.DestroyStream(_stream);
        Memory.Dispose();
    }
}
