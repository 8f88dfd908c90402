using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>Tells what a device or its libraries did wrong from faults of this program. Thread-safe.</summary>
public static class DeviceFault
{
    /// <summary>Whether the cause lies beneath this program: an error of native code, of a device (ONNX Runtime passes those on), or no memory left.</summary>
    public static bool Is(Exception exception) => exception is OnnxRuntimeException or OutOfMemoryException or ExternalException;
}
