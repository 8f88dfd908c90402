using System.Text.Json.Serialization;
using LCNet.Bundles;

namespace LCNet.Cli.Evaluate;

/// <summary>How a bundle does on a set of images at one setting of the dial.</summary>
internal sealed record Measurement
{
    /// <summary>Effort asked for, in (0, 1]; null where a cap was.</summary>
    public double? Effort { get; init; }

    /// <summary>Cap on each image's FLOPs; null where an effort was asked for.</summary>
    public long? MaxFlops { get; init; }

    /// <summary>The setting in words.</summary>
    [JsonIgnore]
    public string Dial => Effort is double effort ? $"effort {effort:0.##}" : $"at most {MaxFlops / 1e6:F1} MFLOPs";

    /// <summary>Images measured.</summary>
    public required int Images { get; init; }

    /// <summary>Share classified right, in [0, 1].</summary>
    public required double Top1 { get; init; }

    /// <summary>Standard error of <see cref="Top1"/>: √(p(1 − p)/images).</summary>
    public double Top1StandardError => CalibrationPoint.StandardError(Top1, Images);

    /// <summary>Share whose most probable class is that of the network with every gate open, in [0, 1].</summary>
    public required double Agreement { get; init; }

    /// <summary>Share classified right of each class, in the order of the labels.</summary>
    public required IReadOnlyList<double> Top1PerClass { get; init; }

    /// <summary>Mean planned FLOPs.</summary>
    public required double MeanFlops { get; init; }

    /// <summary>5th percentile of planned FLOPs.</summary>
    public required long P5Flops { get; init; }

    /// <summary>95th percentile of planned FLOPs.</summary>
    public required long P95Flops { get; init; }

    /// <summary>Most planned FLOPs of an image.</summary>
    public required long MostFlops { get; init; }

    /// <summary>What the static network would cost.</summary>
    public required long DenseFlops { get; init; }

    /// <summary>Share of images that ran each block, in [0, 1].</summary>
    public required IReadOnlyList<double> RunRates { get; init; }

    /// <summary>Mean share of channels kept where a block ran, in [0, 1]; 0 where it never did.</summary>
    public required IReadOnlyList<double> KeptChannels { get; init; }

    /// <summary>Images that the static network gets right with confidence, and what they and the others cost; null where that was not measured.</summary>
    public EasyImages? Easy { get; init; }

    /// <summary>Planned FLOPs of each image, in the order of the images.</summary>
    [JsonIgnore]
    public IReadOnlyList<long> Flops { get; init; } = [];

    /// <summary>Share of images that kept each channel of each block, in [0, 1].</summary>
    [JsonIgnore]
    public IReadOnlyList<IReadOnlyList<double>> ChannelRates { get; init; } = [];
}
