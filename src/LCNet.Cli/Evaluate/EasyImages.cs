namespace LCNet.Cli.Evaluate;

/// <summary>What easy images cost: those that the static network classifies right with at least <see cref="Confidence"/>.</summary>
/// <param name="Count">How many are easy.</param>
/// <param name="MeanFlops">Their mean planned FLOPs; 0 where there is none.</param>
/// <param name="MeanFlopsOfOthers">Those of the other images; 0 where there is none.</param>
internal sealed record EasyImages(int Count, double MeanFlops, double MeanFlopsOfOthers)
{
    /// <summary>The least probability of the right class.</summary>
    public const double Confidence = 0.9;

    /// <summary>Splits a measurement's FLOPs.</summary>
    public static EasyImages Of(IReadOnlyList<long> flops, bool[] easy) =>
        new(easy.Count(image => image), Mean(flops, easy, true), Mean(flops, easy, false));

    private static double Mean(IReadOnlyList<long> flops, bool[] easy, bool side) =>
        flops.Where((_, i) => easy[i] == side).DefaultIfEmpty().Average();
}
