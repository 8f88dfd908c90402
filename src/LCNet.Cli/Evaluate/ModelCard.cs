using System.Globalization;
using System.Text;
using LCNet.Bundles;

namespace LCNet.Cli.Evaluate;

/// <summary>A bundle's model card as Markdown: where it came from, what it does, what it costs and where it ends.</summary>
internal static class ModelCard
{
    private const double FlopsOfMac = 2e6;

    // Below 2 % and above 98 % a gate is as good as constant.
    private const double Seldom = 0.02;

    /// <summary>Writes the card.</summary>
    /// <param name="measurements">On the validation images; the first is the one whose classes and gates are shown.</param>
    /// <param name="statics">Networks without gates to compare it with; may be empty.</param>
    public static string Write(BundleManifest manifest, IReadOnlyList<Measurement> measurements, IReadOnlyList<StaticNetwork> statics)
    {
        var text = new StringBuilder();
        Provenance origin = manifest.Provenance;
        Measurement first = measurements[0];
        Line(text, $"# {manifest.Model}, version {manifest.Version}");
        Line(text, $"\nClassifies images of {manifest.Input.Width}×{manifest.Input.Height} pixels into {manifest.Labels.Count} classes: {string.Join(", ", manifest.Labels)}.");
        Line(text, $"A residual network of {manifest.Blocks.Count} blocks whose gates decide, image by image, which blocks and channels run. Dense: {manifest.Dense.Flops / FlopsOfMac:F2} M MACs.");
        Line(text, $"\n## Data and split\n\nTrained on {origin.Data}. Figures are measured on {origin.Split}; none of them was trained on.");
        Line(text, $"\n## Accuracy and cost on {first.Images} validation images\n");
        Line(text, $"| dial | top-1 | standard error | agrees with the whole network | mean M MACs | of dense | p5 | p95 |\n| --- | --- | --- | --- | --- | --- | --- | --- |");
        foreach (Measurement point in measurements)
        {
            Line(text, $"| {point.Dial} | {100 * point.Top1:F2} % | {100 * point.Top1StandardError:F2} | {100 * point.Agreement:F2} % | {point.MeanFlops / FlopsOfMac:F2} | {100 * point.MeanFlops / point.DenseFlops:F1} % | {point.P5Flops / FlopsOfMac:F2} | {point.P95Flops / FlopsOfMac:F2} |");
        }

        if (statics.Count > 0)
        {
            Line(text, $"\nStatic networks of the same recipe, on the same images:\n\n| network | stages | epochs | top-1 | M MACs |\n| --- | --- | --- | --- | --- |");
            foreach (StaticNetwork network in statics.OrderBy(network => network.Flops))
            {
                Provenance training = network.Bundle.Manifest.Provenance;
                Line(text, $"| {network.Name} | {training.Recipe.GetValueOrDefault("stages", "–")} | {training.Epochs} | {100 * network.Top1:F2} % | {network.Flops / FlopsOfMac:F2} |");
            }
        }

        if (first.Easy is EasyImages easy)
        {
            Line(text, $"\nAt {first.Dial}, {easy.Count} images that the static network gets right with a probability of at least {EasyImages.Confidence:P0} take {easy.MeanFlops / FlopsOfMac:F2} M MACs on average, the others {easy.MeanFlopsOfOthers / FlopsOfMac:F2}.");
        }

        Line(text, $"\n## Classes\n\n| class | top-1 |\n| --- | --- |");
        for (int label = 0; label < manifest.Labels.Count; label++)
        {
            Line(text, $"| {manifest.Labels[label]} | {100 * first.Top1PerClass[label]:F1} % |");
        }

        Line(text, $"\n## Gates\n\n| block | images that run it | channels kept where they do |\n| --- | --- | --- |");
        for (int block = 0; block < manifest.Blocks.Count; block++)
        {
            Line(text, $"| {block} | {100 * first.RunRates[block]:F1} % | {100 * first.KeptChannels[block]:F1} % |");
        }

        int varied = first.RunRates.Count(rate => rate is >= Seldom and <= 1 - Seldom);
        Line(text, $"\n{varied} of {manifest.Blocks.Count} L-Net gates run their block for between 2 % and 98 % of the images.");
        Line(text, $"\n## Recipe\n\n`{origin.Tool}`, {origin.Epochs} epochs, seed {origin.Seed}: {string.Join(", ", origin.Recipe.Select(entry => $"{entry.Key} {entry.Value}"))}.");
        Line(text, $"\n## Limits\n\nIt knows nothing but these classes and gives one of them for any picture. Its probabilities are not calibrated. It was measured on images like those it was trained on; others may be classified worse and cost more or less.");
        return text.ToString();
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
