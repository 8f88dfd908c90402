using LCNet.Bundles;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Recipe;

/// <summary>Finds the price of compute at which images cost what they may: a quantile of their utilities, weighted by FLOPs.</summary>
internal sealed class PriceSolver
{
    private const int Halvings = 24;
    private const double Margin = 1;

    private readonly NetworkCost _cost;
    private readonly float[][] _layers;
    private readonly float[][] _channels;

    /// <summary>Takes the utilities of some batches.</summary>
    /// <param name="outputs">Of the gated network, at least one.</param>
    public PriceSolver(NetworkCost cost, params IReadOnlyList<LcNetOutput> outputs)
    {
        _cost = cost;
        int blocks = outputs[0].LayerUtilities.Count;
        _layers = [.. Enumerable.Range(0, blocks).Select(block => outputs.SelectMany(output => Values(output.LayerUtilities[block])).ToArray())];
        _channels = [.. Enumerable.Range(0, blocks).Select(block => outputs.SelectMany(output => Values(output.ChannelUtilities[block])).ToArray())];
    }

    /// <summary>Number of images in all batches.</summary>
    public int Images => _layers[0].Length;

    /// <summary>Planned FLOPs of some images together at a price, were their utilities what they are now.</summary>
    /// <param name="price">What a block or channel must be worth more than.</param>
    public long Flops(int first, int count, double price)
    {
        long flops = _cost.Cheapest * count;
        float threshold = (float)price;
        for (int block = 0; block < _layers.Length; block++)
        {
            BlockFlops cost = _cost.Blocks[block];
            int width = _channels[block].Length / _layers[block].Length;
            for (int image = first; image < first + count; image++)
            {
                if (!(_layers[block][image] > threshold))
                {
                    continue;
                }

                int kept = 0;
                foreach (float utility in _channels[block].AsSpan(image * width, width))
                {
                    kept += utility > threshold ? 1 : 0;
                }

                flops += cost.At(kept) - cost.Shortcut;
            }
        }

        return flops;
    }

    /// <summary>The lowest price, up to rounding, at which some images' mean FLOPs are no more than a target.</summary>
    /// <param name="flops">The target of an image. One below what the cheapest path costs gives a price above every utility.</param>
    public double Solve(int first, int count, double flops)
    {
        (double low, double high) = Range(first, count);
        for (int i = 0; i < Halvings; i++)
        {
            double middle = (low + high) / 2;
            if (Flops(first, count, middle) > flops * count)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return high;
    }

    private static float[] Values(Tensor utilities)
    {
        using Tensor contiguous = utilities.cpu().contiguous();
        return contiguous.data<float>().ToArray();
    }

    // Where everything is open, and where nothing is.
    private (double Low, double High) Range(int first, int count)
    {
        double low = double.PositiveInfinity;
        double high = double.NegativeInfinity;
        void Widen(ReadOnlySpan<float> utilities)
        {
            foreach (float utility in utilities)
            {
                if (float.IsFinite(utility))
                {
                    low = Math.Min(low, utility);
                    high = Math.Max(high, utility);
                }
            }
        }

        for (int block = 0; block < _layers.Length; block++)
        {
            int width = _channels[block].Length / _layers[block].Length;
            Widen(_layers[block].AsSpan(first, count));
            Widen(_channels[block].AsSpan(first * width, count * width));
        }

        return low > high ? (0, 0) : (low - Margin, high + Margin);
    }
}
