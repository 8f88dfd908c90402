using System.Globalization;
using System.Runtime.InteropServices;

namespace LCNet.Runtime.Execution;

/// <summary>
/// The part of NVIDIA's CUDA runtime that batches use beside ONNX Runtime: memory, copies and one stream. It is the library that ONNX Runtime's CUDA provider brings with it into the process, so both know the same
/// devices and streams. Thread-safe.
/// </summary>
/// <remarks>
/// ONNX Runtime has a stream and copies of its own for devices that it lists; it lists those of providers registered as libraries, which its CUDA provider is not where sessions are given options of it. The names are those of
/// https://docs.nvidia.com/cuda/cuda-runtime-api.
/// </remarks>
internal static unsafe partial class CudaRuntime
{
    private const string Library = "cudart";
    private const int NonBlocking = 1;
    private const int OutOfMemory = 2;
    private const int HostToDevice = 1;
    private const int DeviceToHost = 2;

    // Of the calling thread, for what is said of it.
    [ThreadStatic]
    private static int _device;

    static CudaRuntime() => NativeLibrary.SetDllImportResolver(typeof(CudaRuntime).Assembly, static (name, _, _) =>
        name != Library ? 0
        : NativeLibrary.TryLoad("libcudart.so.13", out nint linux) ? linux
        : NativeLibrary.TryLoad("cudart64_13.dll", out nint windows) ? windows
        : 0);

    /// <summary>Makes a device that of the calling thread.</summary>
    /// <exception cref="DeviceException">There is no such device, or no CUDA 13.</exception>
    public static void SetDevice(int index)
    {
        try
        {
            int error = cudaSetDevice(index);
            _device = index;
            if (error != 0)
            {
                throw new DeviceException(string.Create(CultureInfo.InvariantCulture, $"cuda:{index} cannot be used: {Describe(error)}"));
            }
        }
        catch (DllNotFoundException exception)
        {
            throw new DeviceException(string.Create(CultureInfo.InvariantCulture, $"cuda:{index} cannot be used: there is no CUDA runtime 13 (libcudart.so.13) on this machine"), exception);
        }
    }

    /// <summary>Makes sure that the libraries beside the runtime which ONNX Runtime looks for only when it needs them are there.</summary>
    /// <exception cref="DeviceException">One is not.</exception>
    public static void RequireLibraries()
    {
        if (!NativeLibrary.TryLoad("libcudnn.so.9", out _) && !NativeLibrary.TryLoad("cudnn64_9.dll", out _))
        {
            throw new DeviceException(string.Create(CultureInfo.InvariantCulture, $"cuda:{_device} cannot be used: there is no cuDNN 9 (libcudnn.so.9) on this machine"));
        }
    }

    /// <summary>Makes a stream of the thread's device that waits for no other.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public static nint CreateStream()
    {
        nint stream;
        Check(cudaStreamCreateWithFlags(&stream, NonBlocking), "making a stream");
        return stream;
    }

    /// <summary>Frees a stream.</summary>
    public static void DestroyStream(nint stream) => _ = cudaStreamDestroy(stream);

    /// <summary>Takes memory of the thread's device.</summary>
    /// <exception cref="DeviceException">There is not enough.</exception>
    public static nint Allocate(long bytes)
    {
        nint memory;
        Check(cudaMalloc(&memory, (nuint)bytes), string.Create(CultureInfo.InvariantCulture, $"taking {bytes / 1048576.0:0.0} MiB of its memory"));
        return memory;
    }

    /// <summary>Frees memory of a device.</summary>
    public static void Free(nint memory) => _ = cudaFree(memory);

    /// <summary>Takes memory of the host that devices reach by themselves, without a copy in between.</summary>
    /// <exception cref="DeviceException">There is not enough.</exception>
    public static nint AllocateHost(long bytes)
    {
        nint memory;
        Check(cudaHostAlloc(&memory, (nuint)bytes, 0), string.Create(CultureInfo.InvariantCulture, $"taking {bytes / 1048576.0:0.0} MiB of pinned memory"));
        return memory;
    }

    /// <summary>Frees memory of the host.</summary>
    public static void FreeHost(nint memory) => _ = cudaFreeHost(memory);

    /// <summary>Copies in the order of a stream; it need not have ended when this returns.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public static void Copy(nint to, nint from, long bytes, bool toDevice, nint stream) =>
        Check(cudaMemcpyAsync(to, from, (nuint)bytes, toDevice ? HostToDevice : DeviceToHost, stream), "a copy");

    /// <summary>Waits until a stream has done everything that it has been given.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public static void Wait(nint stream) => Check(cudaStreamSynchronize(stream), "its work");

    private static void Check(int error, string what)
    {
        if (error != 0)
        {
            string device = string.Create(CultureInfo.InvariantCulture, $"cuda:{_device}");
            throw new DeviceException(error == OutOfMemory ? $"{device} is out of memory: {what} failed" : $"{device} failed in {what}: {Describe(error)}");
        }
    }

    private static string Describe(int error) => string.Create(CultureInfo.InvariantCulture, $"{Marshal.PtrToStringUTF8(cudaGetErrorString(error))} (CUDA error {error})");

    [LibraryImport(Library)]
    private static partial int cudaSetDevice(int device);

    [LibraryImport(Library)]
    private static partial int cudaStreamCreateWithFlags(nint* stream, uint flags);

    [LibraryImport(Library)]
    private static partial int cudaStreamDestroy(nint stream);

    [LibraryImport(Library)]
    private static partial int cudaStreamSynchronize(nint stream);

    [LibraryImport(Library)]
    private static partial int cudaMalloc(nint* memory, nuint bytes);

    [LibraryImport(Library)]
    private static partial int cudaFree(nint memory);

    [LibraryImport(Library)]
    private static partial int cudaHostAlloc(nint* memory, nuint bytes, uint flags);

    [LibraryImport(Library)]
    private static partial int cudaFreeHost(nint memory);

    [LibraryImport(Library)]
    private static partial int cudaMemcpyAsync(nint to, nint from, nuint bytes, int kind, nint stream);

    [LibraryImport(Library)]
    private static partial nint cudaGetErrorString(int error);
}
