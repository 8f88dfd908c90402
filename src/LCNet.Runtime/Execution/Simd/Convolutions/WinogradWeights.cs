namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// Weights of a 3×3 convolution for Winograd's minimal filtering F(4, 3) along columns (Winograd 1980; Lavin and Gray 2015, arXiv 1509.09308): four rows of output from
/// six rows of input take six products a column of the kernel instead of twelve. Along rows the kernel stays as it is, so what is left are six convolutions
/// of 1×3. Immutable and thread-safe.
/// </summary>
internal sealed unsafe class WinogradWeights
{
    /// <summary>Rows of output that are computed together.</summary>
    public const int OutputRows = 4;

    /// <summary>Rows of input that they take, and how many convolutions there are.</summary>
    public const int InputRows = 6;

    /// <summary>Output channels that lie side by side in <see cref="InEights"/>.</summary>
    public const int Eight = 8;

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

    private readonly Lazy<AlignedFloats> _inEights;

    /// <summary>Transforms weights.</summary>
    public WinogradWeights(Convolution convolution)
    {
        int channels = convolution.Outputs * convolution.Inputs;
        _inEights = new Lazy<AlignedFloats>(() => LaidInEights(convolution));
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

    /// <summary>
    /// The same weights in another order, made when first asked for: convolution, eight output channels, input channel, tap, output channel of the eight; zeros where the
    /// last are not eight. Begins on a cache line. Valid while this object is in use.
    /// </summary>
    public float* InEights => _inEights.Value.Start;

    private AlignedFloats LaidInEights(Convolution convolution)
    {
        int groups = (convolution.Outputs + Eight - 1) / Eight;
        int taps = convolution.Inputs * 3;
        var all = new AlignedFloats(InputRows * groups * taps * Eight);
        for (int row = 0; row < InputRows; row++)
        {
            for (int output = 0; output < convolution.Outputs; output++)
            {
                float* target = all.Start + ((((nint)row * groups) + (output / Eight)) * taps * Eight) + (output % Eight);
                float* source = Convolutions[row].Weights(output);
                for (int tap = 0; tap < taps; tap++)
                {
                    target[tap * Eight] = source[tap];
                }
            }
        }

        return all;
    }
}
