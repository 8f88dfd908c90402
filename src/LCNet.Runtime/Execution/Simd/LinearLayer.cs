using System.Numerics.Tensors;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>A linear layer of one image. Immutable and thread-safe.</summary>
/// <param name="weights">Outputs × inputs.</param>
/// <param name="bias">One value an output.</param>
internal sealed class LinearLayer(float[] weights, float[] bias)
{
    /// <summary>bias + weights · inputs.</summary>
    /// <param name="outputs">Takes one value an output.</param>
    public void Run(ReadOnlySpan<float> inputs, Span<float> outputs)
    {
        for (int i = 0; i < bias.Length; i++)
        {
            outputs[i] = bias[i] + TensorPrimitives.Dot(weights.AsSpan(i * inputs.Length, inputs.Length), inputs);
        }
    }
}

/// <summary>The maximum of 3×3 pixels at stride 2, of planes without negative values: zeros around them change nothing.</summary>
internal static unsafe class MaxPool<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Pools one plane.</summary>
    /// <param name="phases">The plane's four phases, see <see cref="PlaneBuffer.Split"/>; of the output's layout.</param>
    /// <param name="output">Takes the plane.</param>
    public static void Run(PlaneBuffer phases, PlaneBuffer output, int plane)
    {
        PlaneLayout layout = output.Layout;
        int stride = layout.RowStride;
        float* even = phases.Plane(0);
        float* oddColumns = phases.Plane(1);
        float* oddRows = phases.Plane(2);
        float* odd = phases.Plane(3);
        float* target = output.Plane(plane);
        foreach (PixelTile tile in layout.Tiles)
        {
            Pool(tile.First);
            Pool(tile.Second);
            if (tile.Third >= 0)
            {
                Pool(tile.Third);
            }

            if (tile.Fourth >= 0)
            {
                Pool(tile.Fourth);
            }
        }

        layout.ClearHalo(target);

        void Pool(int at)
        {
            TVector centre = Max(Row(even, at), Both(oddColumns, at));
            TVector below = Max(Row(oddRows, at), Both(odd, at));
            TVector above = Max(Row(oddRows, at - stride), Both(odd, at - stride));
            TSimd.Store(TSimd.Max(centre, TSimd.Max(below, above)), target + at);
        }
    }

    private static TVector Row(float* plane, int at) => TSimd.Load(plane + at);

    // The columns to the left and to the right of an even one.
    private static TVector Both(float* plane, int at) => TSimd.Max(TSimd.Load(plane + at - 1), TSimd.Load(plane + at));

    private static TVector Max(TVector left, TVector right) => TSimd.Max(left, right);
}
