using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>Makes ONNX Runtime sessions for the segments of a bundle.</summary>
internal static class OnnxSessions
{
    // CUDA's own name for the stream that is there without being made, cudaStreamLegacy.
    private const string LegacyStream = "1";

    /// <summary>Options of every session. One thread each: a bundle has dozens of sessions, and images, not operators, are what runs in parallel.</summary>
    /// <param name="inOrder">
    /// Whether all sessions of a CUDA device share one stream: what one session is given to do then begins after what another was given before, without anybody waiting for it.
    /// </param>
    /// <exception cref="DeviceException">The device cannot be used in this build or on this machine.</exception>
    public static SessionOptions Options(ComputeDevice device, bool inOrder = false)
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
                var settings = new Dictionary<string, string>
                {
                    ["device_id"] = device.Index.ToString(System.Globalization.CultureInfo.InvariantCulture),
                    ["cudnn_conv_algo_search"] = "HEURISTIC",
                };
                if (inOrder)
                {
                    settings["has_user_compute_stream"] = "1";
                    settings["user_compute_stream"] = LegacyStream;

                    // Dozens of sessions have an arena each, which would double whenever it grows.
                    settings["arena_extend_strategy"] = "kSameAsRequested";
                }

                cuda.UpdateOptions(settings);
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
