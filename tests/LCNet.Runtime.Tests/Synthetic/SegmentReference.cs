using LCNet.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Tests.Synthetic;

/// <summary>Runs the files of a bundle one by one with plain calls of ONNX Runtime and fresh arrays: no bindings, no buffers, nothing reused.</summary>
internal sealed class SegmentReference(Bundle bundle) : IDisposable
{
    private readonly Dictionary<string, InferenceSession> _sessions = [];

    /// <summary>Runs a whole image by given decisions.</summary>
    /// <param name="image">The network's input.</param>
    /// <param name="choices">A choice a block; null skips it.</param>
    public float[] Run(float[] image, IReadOnlyList<BlockChoice?> choices)
    {
        BundleManifest manifest = bundle.Manifest;
        InputSpec input = manifest.Input;
        float[] x = Segment(manifest.Stem.File, ("image", image, [1, 3, input.Height, input.Width]))[0];
        for (int block = 0; block < choices.Count; block++)
        {
            BlockSpec spec = manifest.Blocks[block];
            (string, float[], long[]) map = ("x", x, [1, spec.Input.Channels, spec.Input.Height, spec.Input.Width]);
            if (choices[block] is { } choice)
            {
                x = Segment(spec.File, choice.Keep, map, ("channel_scale", choice.Scales, [1, choice.Scales.Length]), ("layer_scale", [choice.Layer], [1, 1]))[0];
            }
            else if (spec.ShortcutFile is not null)
            {
                x = Segment(spec.ShortcutFile, map)[0];
            }
        }

        MapShape last = manifest.Blocks[^1].Output;
        return Segment(manifest.Head.File, ("x", x, [1, last.Channels, last.Height, last.Width]))[0];
    }

    /// <summary>Runs one file.</summary>
    public float[][] Segment(string file, params (string Name, float[] Values, long[] Shape)[] inputs) => Segment(file, null, inputs);

    public void Dispose()
    {
        foreach (InferenceSession session in _sessions.Values)
        {
            session.Dispose();
        }
    }

    private float[][] Segment(string file, long[]? keep, params (string Name, float[] Values, long[] Shape)[] inputs)
    {
        if (!_sessions.TryGetValue(file, out InferenceSession? session))
        {
            using var options = new SessionOptions { IntraOpNumThreads = 1 };
            session = new InferenceSession(bundle.PathOf(file), options);
            _sessions.Add(file, session);
        }

        Dictionary<string, OrtValue> values = inputs.ToDictionary(input => input.Name, input => OrtValue.CreateTensorValueFromMemory(input.Values, input.Shape));
        if (keep is not null)
        {
            values["keep"] = OrtValue.CreateTensorValueFromMemory(keep, [keep.Length]);
        }

        using var run = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, values, session.OutputNames);
        float[][] results = [.. outputs.Select(output => output.GetTensorDataAsSpan<float>().ToArray())];
        foreach (OrtValue value in values.Values)
        {
            value.Dispose();
        }

        return results;
    }
}

/// <summary>How a block runs.</summary>
internal sealed record BlockChoice(long[] Keep, float[] Scales, float Layer)
{
    /// <summary>Any kept channels, at least one, and any scales.</summary>
    public static BlockChoice Random(Random random, int channels)
    {
        long[] keep = [.. Enumerable.Range(0, channels).Where(_ => random.Next(2) == 0).Select(channel => (long)channel)];
        keep = keep.Length > 0 ? keep : [random.Next(channels)];
        return new BlockChoice(keep, [.. keep.Select(_ => 1 - random.NextSingle())], 1 - random.NextSingle());
    }
}
