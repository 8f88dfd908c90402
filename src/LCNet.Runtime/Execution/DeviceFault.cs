using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>Tells what a device or its libraries did wrong from faults of this program and of bundles. Thread-safe.</summary>
public static class DeviceFault
{
    // What ONNX Runtime says where an arena cannot grow, and where one of NVIDIA's libraries has failed or is not there.
    private static readonly string[] OfMemory = ["Failed to allocate memory", "out of memory"];
    private static readonly string[] OfLibraries = ["CUDA failure", "CUDNN failure", "CUDNN_FE failure", "CUBLAS failure", "libcudnn", "libcublas", "CUDA error"];

    /// <summary>Whether the cause lies beneath this program: an error of native code, of a device (ONNX Runtime passes those on), or no memory left.</summary>
    public static bool Is(Exception exception) => exception is OnnxRuntimeException or DeviceException or OutOfMemoryException or ExternalException;

    /// <summary>What a device did wrong while a bundle was loaded, in words of its own.</summary>
    /// <returns>Null where the bundle is what ONNX Runtime complains of.</returns>
    internal static DeviceException? Of(OnnxRuntimeException exception)
    {
        bool Says(string[] words) => words.Any(word => exception.Message.Contains(word, StringComparison.OrdinalIgnoreCase));
        return Says(OfMemory) ? new DeviceException($"The device is out of memory: {exception.Message.ReplaceLineEndings(" ")}", exception)
            : Says(OfLibraries) ? new DeviceException($"The device has failed: {exception.Message.ReplaceLineEndings(" ")}", exception)
            : null;
    }
}
