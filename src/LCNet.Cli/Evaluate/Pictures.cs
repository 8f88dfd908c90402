using LCNet.Bundles;
using ScottPlot;

namespace LCNet.Cli.Evaluate;

/// <summary>Draws what was measured, each picture as PNG and as SVG.</summary>
internal sealed class Pictures(string folder, BundleManifest manifest)
{
    private const int Width = 900;
    private const int Height = 560;
    private const int Bins = 40;
    private const double FlopsOfMac = 2e6;

    /// <summary>Accuracy against mean MACs under effort and under caps, with static networks of one's own and the published points.</summary>
    public void AccuracyAgainstMacs(IReadOnlyList<Measurement> byEffort, IReadOnlyList<Measurement> byCap, StaticNetwork[] statics, IReadOnlyList<PublishedResult> published)
    {
        using var plot = new Plot();
        Curve(plot, byEffort.Select(point => (point.MeanFlops / FlopsOfMac, point.Top1)), $"{manifest.Model}, by effort");
        Curve(plot, byCap.Select(point => (point.MeanFlops / FlopsOfMac, point.Top1)), $"{manifest.Model}, by cap");
        Curve(plot, statics.Select(network => (network.Flops / FlopsOfMac, network.Top1)), "static networks of the same recipe");
        Points(plot, [.. published.Where(point => point.Dynamic)], "published, dynamic", MarkerShape.FilledDiamond);
        Points(plot, [.. published.Where(point => !point.Dynamic)], "published, static", MarkerShape.OpenSquare);
        plot.Title($"{manifest.Model}: accuracy against compute");
        plot.XLabel("million multiply-accumulates an image, mean");
        plot.YLabel("top-1, %");
        plot.ShowLegend(Alignment.LowerRight);
        Save(plot, "accuracy");
    }

    /// <summary>How planned FLOPs are distributed over images that the static network finds easy, and over the others.</summary>
    public void FlopsOfEasyAndHard(Measurement measurement, bool[] easy)
    {
        using var plot = new Plot();
        double low = measurement.Flops.Min() / FlopsOfMac;
        double width = Math.Max((measurement.Flops.Max() / FlopsOfMac) - low, 1e-6) / Bins;
        foreach ((bool side, string name) in new[] { (true, "right and sure without gates"), (false, "the others") })
        {
            double[] macs = [.. measurement.Flops.Where((_, i) => easy[i] == side).Select(flops => flops / FlopsOfMac)];
            if (macs.Length == 0)
            {
                continue;
            }

            double[] shares = new double[Bins];
            foreach (double value in macs)
            {
                shares[Math.Min(Bins - 1, (int)((value - low) / width))] += 100.0 / macs.Length;
            }

            double[] centres = [.. Enumerable.Range(0, Bins).Select(bin => low + ((bin + 0.5) * width))];
            var line = plot.Add.Scatter(centres, shares);
            line.LegendText = $"{name}: {macs.Length} images, mean {macs.Average():F2}";
            line.ConnectStyle = ConnectStyle.StepHorizontal;
            line.FillY = true;
            line.FillYColor = line.Color.WithAlpha(0.25);
            line.MarkerSize = 0;
        }

        plot.Title($"{manifest.Model}, {measurement.Dial}: what images cost");
        plot.XLabel("million multiply-accumulates");
        plot.YLabel("% of these images");
        plot.ShowLegend(Alignment.UpperRight);
        Save(plot, "flops");
    }

    /// <summary>How often each channel of each block ran.</summary>
    public void Channels(Measurement measurement)
    {
        int blocks = measurement.ChannelRates.Count;
        int most = measurement.ChannelRates.Max(rates => rates.Count);
        double[,] map = new double[blocks, most];
        for (int block = 0; block < blocks; block++)
        {
            for (int channel = 0; channel < most; channel++)
            {
                map[block, channel] = channel < measurement.ChannelRates[block].Count ? 100 * measurement.ChannelRates[block][channel] : double.NaN;
            }
        }

        using var plot = new Plot();
        var heat = plot.Add.Heatmap(map);
        heat.Colormap = new ScottPlot.Colormaps.Viridis();
        heat.ManualRange = new(0, 100);
        heat.FlipVertically = true;
        plot.Add.ColorBar(heat).Label = "% of images that kept it";
        plot.Axes.Left.SetTicks(
            [.. Enumerable.Range(0, blocks).Select(block => (double)block)],
            [.. Enumerable.Range(0, blocks).Select(block => $"{block}: {measurement.RunRates[block]:P0}")]);
        plot.Axes.InvertY();
        plot.Title($"{manifest.Model}, {measurement.Dial}: which channels run");
        plot.XLabel("channel");
        plot.YLabel("block, and images that ran it");
        Save(plot, "channels");
    }

    /// <summary>Draws accuracies as a line; of no points nothing.</summary>
    /// <param name="points">What accuracy costs, in the units of the plot, and top-1 in [0, 1].</param>
    public static void Curve(Plot plot, IEnumerable<(double Cost, double Top1)> points, string name)
    {
        (double Cost, double Top1)[] ordered = [.. points.OrderBy(point => point.Cost)];
        if (ordered.Length > 0)
        {
            var line = plot.Add.Scatter(ordered.Select(point => point.Cost).ToArray(), ordered.Select(point => 100 * point.Top1).ToArray());
            line.LegendText = name;
            line.LineWidth = 2;
            line.MarkerSize = 8;
        }
    }

    private static void Points(Plot plot, PublishedResult[] points, string name, MarkerShape shape)
    {
        if (points.Length > 0)
        {
            var markers = plot.Add.ScatterPoints(points.Select(point => point.MillionMacs).ToArray(), points.Select(point => point.Top1).ToArray());
            markers.LegendText = name;
            markers.MarkerShape = shape;
            markers.MarkerSize = 9;
            foreach (PublishedResult point in points)
            {
                var text = plot.Add.Text(point.Name, point.MillionMacs, point.Top1);
                text.LabelFontColor = markers.Color;
                text.LabelFontSize = 10;
                text.OffsetX = 6;
            }
        }
    }

    private void Save(Plot plot, string name)
    {
        Directory.CreateDirectory(folder);
        plot.SavePng(Path.Combine(folder, name + ".png"), Width, Height);
        plot.SaveSvg(Path.Combine(folder, name + ".svg"), Width, Height);
    }
}
