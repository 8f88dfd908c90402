using LCNet.Bundles;
using LCNet.Server.Models;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Describes a model to callers of <c>lcnet.v1</c>.</summary>
internal static class ModelDescription
{
    /// <summary>Writes what <c>ListModels</c> and <c>GetModel</c> tell of a model.</summary>
    public static Model Of(ServedModel model)
    {
        Bundle bundle = model.Engine.Bundle;
        BundleManifest manifest = bundle.Manifest;
        return new Model
        {
            Name = model.ModelName,
            Version = model.Version,
            Labels = { manifest.Labels },
            InputWidth = manifest.Input.Width,
            InputHeight = manifest.Input.Height,
            DenseFlops = bundle.Flops.Dense,
            MinimumFlops = bundle.Flops.Minimum,
            BlockChannels = { manifest.Blocks.Select(block => block.Channels) },
            Efforts =
            {
                manifest.Calibration.Select(Of),
            },
            Data = manifest.Provenance.Data,
            Device = model.Engine.Device,
            Executor = model.Executor,
            ExecutorFallback = model.Engine.Fallback ?? string.Empty,
            TimedOn = manifest.TimedOn ?? string.Empty,
            Mean = { manifest.Input.Mean },
            Std = { manifest.Input.Std },
            ColourOrder = manifest.Input.Colour,
        };
    }

    private static EffortPoint Of(CalibrationPoint point)
    {
        var described = new EffortPoint
        {
            Effort = point.Effort,
            MeanFlops = point.MeanFlops,
            P95Flops = point.P95Flops,
            Top1 = point.Top1,
            Top1StandardError = point.Top1StandardError,
            Milliseconds = point.Milliseconds ?? 0,
        };
        if (point.Agreement is double agreement)
        {
            described.Agreement = agreement;
        }

        return described;
    }
}
