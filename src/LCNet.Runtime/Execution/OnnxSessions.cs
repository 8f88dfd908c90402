using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime;

/// <summary>Makes ONNX Runtime sessions for the segments of a bundle.</summary>
internal static class OnnxSessions
{
    /// <summary>Options of every session. One thread each: a bundle has dozens of sessions, and images, not operators, are what runs in parallel.</summary>
    /// <param name="device">The parsed device.</param>
    /// <exception cref="DeviceException">The device cannot be used in this build or on this machine.</exception>
    public static SessionOptions Options(ComputeDevice device)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        if (device.IsCuda)
        {
            try
            {
                using var cuda = new OrtCUDAProviderOptions();
                cuda.UpdateOptions(new Dictionary<string, string>
                {
                    ["device_id"] = device.Index.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    ["cudnn_conv_algo_search"] = "HEURISTIC",
                });
                options.AppendExecutionProvider_CUDA(cuda);
            }
            catch (Exception exception) when (exception is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
            {
                options.Dispose();
                throw new DeviceException($"{device} cannot be used: {exception.Message.ReplaceLineEndings(" ")} CUDA needs the build with -p:Accelerator=cuda.", exception);
            }
        }

        return options;
    }

    /// <summary>Where activations live on a device.</summary>
    public static OrtMemoryInfo Memory(ComputeDevice device) => device.IsCuda
        ? new OrtMemoryInfo("Cuda", OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default)
        : new OrtMemoryInfo(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
}
