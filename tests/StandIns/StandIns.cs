using Xunit;

namespace LCNet.Tests;

/// <summary>
/// Stand-ins for NVIDIA's libraries, under which ONNX Runtime's own CUDA provider runs without a GPU, and programs that were built for it. <c>LCNET_DRY_RUN</c> is the folder of the stand-ins, <c>LCNET_CUDA_BUILD</c> one in which
/// programs were built with <c>-p:Accelerator=cuda</c>; <c>.ci/run</c> makes both.
/// </summary>
internal static class StandIns
{
    /// <summary>Skips the test where they or the programs are not there.</summary>
    /// <returns>The folder of the stand-ins.</returns>
    public static string Require()
    {
        string? folder = Environment.GetEnvironmentVariable("LCNET_DRY_RUN");
        Assert.SkipWhen(
            string.IsNullOrEmpty(folder) || string.IsNullOrEmpty(Environment.GetEnvironmentVariable("LCNET_CUDA_BUILD")),
            "LCNET_DRY_RUN and LCNET_CUDA_BUILD do not name stand-ins for NVIDIA's libraries and a build for CUDA; .ci/run makes both.");
        return folder;
    }

    /// <summary>The assembly of a program that was built for CUDA.</summary>
    /// <param name="name">For example <c>LCNet.Server</c>.</param>
    public static string Program(string name) =>
        Directory.GetFiles(Environment.GetEnvironmentVariable("LCNET_CUDA_BUILD")!, $"{name}.dll", SearchOption.AllDirectories).First(file => File.Exists(Path.ChangeExtension(file, ".runtimeconfig.json")));
}
