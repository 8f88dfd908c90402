using LCNet.Cli.Evaluate;
using ScottPlot;

namespace LCNet.Cli.Bench;

/// <summary>Draws accuracy against time on one thread: a bundle over its efforts, and static networks.</summary>
internal static class SpeedPicture
{
    private const int Width = 900;
    private const int Height = 560;

    /// <summary>Writes <c>speed.png</c> and <c>speed.svg</c> to a folder, which is made where it does not exist.</summary>
    public static void Draw(string model, AgainstReport report, string folder)
    {
        using var plot = new Plot();
        Pictures.Curve(plot, report.Efforts.Select(point => (point.OneThreadUs, point.Top1)), model);
        Pictures.Curve(plot, report.Statics.Select(point => (point.OneThreadUs, point.Top1)), "static networks in ONNX Runtime");
        plot.Title($"{model}: accuracy against time");
        plot.XLabel("microseconds an image on one thread");
        plot.YLabel("top-1, %");
        plot.ShowLegend(Alignment.LowerRight);
        Directory.CreateDirectory(folder);
        plot.SavePng(Path.Combine(folder, "speed.png"), Width, Height);
        plot.SaveSvg(Path.Combine(folder, "speed.svg"), Width, Height);
    }
}
