using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Engine;

/// <summary>Runs segments for the first time, while a bundle is loaded.</summary>
internal static class SegmentTrial
{
    /// <summary>Runs one.</summary>
    /// <exception cref="BundleException">It does not run; the message names the file.</exception>
    public static void Run(Bundle bundle, string file, Action run)
    {
        try
        {
            run();
        }
        catch (OnnxRuntimeException exception)
        {
            throw new BundleException(bundle.Folder, [$"{file} does not run: {exception.Message.ReplaceLineEndings(" ")}"]);
        }
    }
}
