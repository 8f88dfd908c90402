using System.Diagnostics;
using System.Globalization;
using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Batching;

/// <summary>What is found out of a device before it serves: whether it computes what the CPU does, and whether gates pay on it.</summary>
internal static class DeviceCheck
{
    /// <summary>How far results may lie apart where products are rounded to TF32, whose mantissa has 10 bits: as a share of the largest logit, and of a salience's range.</summary>
    public const float Tf32Tolerance = 0.02f;

    /// <summary>How far results may lie apart in single precision.</summary>
    public const float Tolerance = 1e-3f;

    private const int Images = 4;
    private const int Timings = 5;

    /// <summary>
    /// Runs a few images and replays on the CPU what the device decided for them, block by block: a decision close to a threshold may differ, what is computed from it must not.
    /// </summary>
    /// <param name="dispatcher">Runs on the device.</param>
    /// <param name="maxImages">As many as a batch has at most.</param>
    /// <param name="device">What the device is called.</param>
    /// <exception cref="DeviceException">Results lie further apart; the message has the figures.</exception>
    public static void Compare(Bundle bundle, BatchDispatcher dispatcher, int maxImages, string device, float tolerance)
    {
        BatchImage[] images = RandomImages(bundle, Math.Min(Images, maxImages));
        dispatcher.Run(images);
        using var executor = new OnnxExecutor(bundle, new ComputeDevice(IsCuda: false, 0));
        using ISegmentLane lane = executor.CreateLane();
        (float logits, float largest, float saliences) = (0, 1, 0);
        foreach (BatchImage image in images)
        {
            float[] expected = new float[bundle.Manifest.Labels.Count];
            saliences = MathF.Max(saliences, Replay(bundle, lane, image, expected));
            for (int i = 0; i < expected.Length; i++)
            {
                logits = MathF.Max(logits, MathF.Abs(expected[i] - image.Result.Logits[i]));
                largest = MathF.Max(largest, MathF.Abs(expected[i]));
            }
        }

        // MathF.Max keeps what is no number, and this is written so that it fails.
        if (!(logits <= tolerance * largest && saliences <= tolerance))
        {
            throw new DeviceException(string.Create(
                CultureInfo.InvariantCulture,
                $"{device} does not compute what the CPU does: logits of up to {largest:0.###} lie up to {logits:0.#####} apart and saliences up to {saliences:0.#####}; at most {tolerance * largest:0.#####} and {tolerance:0.#####} are due to rounding"));
        }
    }

    /// <summary>Times a full batch at effort 1 and the same images as the static network, alternating.</summary>
    /// <exception cref="DeviceException">The device has failed.</exception>
    public static BatchTimes Time(Bundle bundle, BatchDispatcher dispatcher, int maxImages, ComputeDevice device)
    {
        BatchImage[] images = RandomImages(bundle, maxImages);
        float[] pixels = [.. images.SelectMany(image => image.Pixels.ToArray())];
        float[] logits = new float[maxImages * bundle.Manifest.Labels.Count];
        using var dense = new DenseNetwork(bundle, device, maxImages);
        var (gated, open) = (new List<TimeSpan>(), new List<TimeSpan>());
        for (int i = 0; i <= Timings; i++)
        {
            long began = Stopwatch.GetTimestamp();
            dispatcher.Run(images);
            TimeSpan first = Stopwatch.GetElapsedTime(began);
            began = Stopwatch.GetTimestamp();
            dense.Run(pixels, logits);
            if (i > 0)
            {
                // The first of either may choose algorithms.
                gated.Add(first);
                open.Add(Stopwatch.GetElapsedTime(began));
            }
        }

        return new BatchTimes(maxImages, gated.Order().ElementAt(Timings / 2), open.Order().ElementAt(Timings / 2));
    }

    // How far the saliences of a replayed image lie from the device's at most.
    private static float Replay(Bundle bundle, ISegmentLane lane, BatchImage image, float[] logits)
    {
        BundleManifest manifest = bundle.Manifest;
        ImagePlan plan = image.Result.Plan;
        float price = (float)new PriceCurve(manifest.Prices).PriceFor(image.Effort);
        float apart = 0;
        lane.Stem(image.Pixels.Span);
        foreach ((int i, SpanSpec span) in manifest.Spans.Index())
        {
            float[] layers = new float[span.Blocks];
            float[] channels = new float[manifest.ChannelsOf(span)];
            lane.Gate(i, price, layers, channels);
            int offset = 0;
            foreach (int block in Enumerable.Range(span.FirstBlock, span.Blocks))
            {
                int width = manifest.Blocks[block].Channels;
                apart = MathF.Max(apart, Apart(plan, block, layers[block - span.FirstBlock], channels.AsSpan(offset, width)));
                offset += width;
                if (plan.Runs(block))
                {
                    lane.Block(block, plan.Kept(block), plan.ChannelScales(block), plan.LayerScale(block));
                }
                else if (manifest.Blocks[block].ShortcutFile is not null)
                {
                    lane.Shortcut(block);
                }
            }
        }

        lane.Head(logits);
        return apart;
    }

    // A block is skipped where its own salience or all of its channels' are 0.
    private static float Apart(ImagePlan plan, int block, float layer, ReadOnlySpan<float> channels)
    {
        if (!plan.Runs(block))
        {
            float most = 0;
            foreach (float channel in channels)
            {
                most = MathF.Max(most, channel);
            }

            return MathF.Min(layer, most);
        }

        float apart = MathF.Abs(layer - plan.LayerScale(block));
        for (int i = 0; i < channels.Length; i++)
        {
            apart = MathF.Max(apart, MathF.Abs(channels[i] - plan.Saliences(block)[i]));
        }

        return apart;
    }

    private static BatchImage[] RandomImages(Bundle bundle, int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => new BatchImage(RandomImage.Make(bundle.Manifest.Input, random), 1, Planner.NoCap, new InferenceResult(bundle.Manifest), default))];
    }
}
