using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Execution;

/// <summary>Makes ONNX Runtime sessions for the segments of a bundle.</summary>
internal static class OnnxSessions
{
    // Indices of GPUs whose arena is there.
    private static readonly HashSet<int> Arenas = [];

    /// <summary>Options of every session. One thread each: a bundle has dozens of sessions, and images, not operators, are what runs in parallel.</summary>
    /// <param name="stream">A stream of a CUDA device that the sessions work on; 0 for one of each session's own.</param>
    /// <param name="tf32">Whether a CUDA device may round what it multiplies to TF32.</param>
    /// <exception cref="DeviceException">The device cannot be used in this build or on this machine.</exception>
    public static SessionOptions Options(ComputeDevice device, nint stream = 0, bool tf32 = true)
    {
        if (device.IsCuda)
        {
            RequireCuda(device);
        }

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
                    ["use_tf32"] = tf32 ? "1" : "0",
                };
                if (stream != 0)
                {
                    settings["has_user_compute_stream"] = "1";
                    settings["user_compute_stream"] = stream.ToString(System.Globalization.CultureInfo.InvariantCulture);
                    ShareArena(device);
                    options.AddSessionConfigEntry("session.use_env_allocators", "1");
                }

                cuda.UpdateOptions(settings);
                options.AppendExecutionProvider_CUDA(cuda);
            }
            catch (OnnxRuntimeException exception)
            {
                options.Dispose();
                throw new DeviceException($"{device} cannot be used: {exception.Message.ReplaceLineEndings(" ")}", exception);
            }
        }

        return options;
    }

    // Dozens of sessions would have an arena each, and each of them what its largest dispatch once needed.
    private static void ShareArena(ComputeDevice device)
    {
        lock (Arenas)
        {
            if (!Arenas.Add(device.Index))
            {
                return;
            }

            // It doubles whenever it grows: chunks as they were asked for fit nothing else, and there came to be more of them with every batch.
            using var arena = new OrtArenaCfg(0, -1, -1, -1);
            using var memory = new OrtMemoryInfo("Cuda", OrtAllocatorType.ArenaAllocator, device.Index, OrtMemType.Default);
            OrtEnv.Instance().CreateAndRegisterAllocator("CUDAExecutionProvider", memory, arena, new Dictionary<string, string> { ["device_id"] = device.Index.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        }
    }

    /// <summary>Makes sure that this program was built for CUDA.</summary>
    /// <exception cref="DeviceException">It was not.</exception>
    public static void RequireCuda(ComputeDevice device)
    {
        if (!OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"))
        {
            throw new DeviceException($"{device} cannot be used: this ONNX Runtime has no CUDA, which needs the build with -p:Accelerator=cuda");
        }
    }

    /// <summary>Where activations live on a device.</summary>
    public static OrtMemoryInfo Memory(ComputeDevice device) => device.IsCuda
        ? new OrtMemoryInfo("Cuda", OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default)
        : new OrtMemoryInfo(OrtMemoryInfo.allocatorCPU, OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
}
