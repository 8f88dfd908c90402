namespace LCNet.Runtime;

/// <summary>
/// Weights of a 3×3 convolution for Winograd's minimal filtering F(4, 3) along columns (Winograd 1980; Lavin and Gray 2015, arXiv 1509.09308): four rows of output from
/// six rows of input take six products a column of the kernel instead of twelve. Along rows the kernel stays as it is, so what is left are six convolutions
/// of 1×3. Immutable and thread-safe.
/// </summary>
internal sealed class WinogradWeights
{
    /// <summary>Rows of output that are computed together.</summary>
    public const int OutputRows = 4;

    /// <summary>Rows of input that they take, and how many convolutions there are.</summary>
    public const int InputRows = 6;

    // G of the paper: weights g become G · g.
    private static readonly double[][] Transform =
    [
        [1.0 / 4, 0, 0],
        [-1.0 / 6, -1.0 / 6, -1.0 / 6],
        [-1.0 / 6, 1.0 / 6, -1.0 / 6],
        [1.0 / 24, 1.0 / 12, 1.0 / 6],
        [1.0 / 24, -1.0 / 12, 1.0 / 6],
        [0, 0, 1],
    ];

    /// <summary>Transforms weights.</summary>
    public unsafe WinogradWeights(Convolution convolution)
    {
        int channels = convolution.Outputs * convolution.Inputs;
        float[] noBias = new float[convolution.Outputs];
        Convolutions = new Convolution[InputRows];
        for (int i = 0; i < InputRows; i++)
        {
            float[] weights = new float[channels * 3];
            float* source = convolution.Weights(0);
            for (int at = 0; at < weights.Length; at++)
            {
                int tap = (at / 3 * 9) + (at % 3);
                weights[at] = (float)((Transform[i][0] * source[tap]) + (Transform[i][1] * source[tap + 3]) + (Transform[i][2] * source[tap + 6]));
            }

            Convolutions[i] = new Convolution(weights, noBias, convolution.Outputs, convolution.Inputs, rows: 1, columns: 3, stride: 1);
        }
    }

    /// <summary>The convolutions, one for each row of the transformed input.</summary>
    public Convolution[] Convolutions { get; }
}
