namespace LCNet.Cli.Evaluate;

/// <summary>Published CIFAR-10 results, on the lossless images' test set.</summary>
/// <param name="Name">Network.</param>
/// <param name="MillionMacs">Multiply-accumulates of an image, in millions; the mean where they vary.</param>
/// <param name="Top1">Share classified right, in percent.</param>
/// <param name="Dynamic">Whether it decides image by image.</param>
internal sealed record PublishedResult(string Name, double MillionMacs, double Top1, bool Dynamic)
{
    private static readonly string[] Cifar10Labels = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    // SkipNet (Wang et al. 2018), BlockDrop (Wu et al. 2018), ConvNet-AIG (Veit and Belongie 2018), DynConv (Verelst and Tuytelaars 2020),
    // MSDNet (Huang et al. 2018), RANet (Yang et al. 2020), ResNet (He et al. 2016).
    private static readonly PublishedResult[] Cifar10 =
    [
        new("SkipNet-38", 59, 92.75, true),
        new("SkipNet-110", 125, 93.30, true),
        new("BlockDrop-110", 90.5, 93.6, true),
        new("ConvNet-AIG-110", 205, 94.24, true),
        new("DynConv-32", 55, 93.58, true),
        new("MSDNet", 21, 92.8, true),
        new("MSDNet", 31, 93.5, true),
        new("RANet", 22, 93.3, true),
        new("RANet", 50, 94.2, true),
        new("ResNet-20", 41, 92.6, false),
        new("ResNet-32", 69, 93.5, false),
        new("ResNet-56", 126, 94.4, false),
    ];

    /// <summary>The results on these classes; none where nothing was published.</summary>
    public static IReadOnlyList<PublishedResult> For(IReadOnlyList<string> labels) => labels.SequenceEqual(Cifar10Labels) ? Cifar10 : [];
}
