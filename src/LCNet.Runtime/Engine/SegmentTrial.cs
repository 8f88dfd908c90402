using LCNet.Bundles;
using LCNet.Runtime.Execution;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Engine;

/// <summary>Runs segments for the first time, while a bundle is loaded.</summary>
internal static class SegmentTrial
{
    /// <summary>Runs one.</summary>
    /// <exception cref="BundleException">It does not run; the message names the file.</exception>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public static void Run(Bundle bundle, string file, Action run)
    {
        try
        {
            run();
        }
        catch (OnnxRuntimeException exception)
        {
            throw DeviceFault.Of(exception) ?? (Exception)new BundleException(bundle.Folder, [$"{file} does not run: {exception.Message.ReplaceLineEndings(" ")}"]);
        }
    }
}
