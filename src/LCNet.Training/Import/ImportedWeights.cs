using TorchSharp;

namespace LCNet.Training.Import;

/// <summary>Values of a file in float32, in row-major order.</summary>
internal sealed record ImportedTensor(float[] Values, IReadOnlyList<int> Shape)
{
    public torch.Tensor ToTensor() => torch.tensor(Values, [.. Shape.Select(size => (long)size)]);
}

/// <summary>Batch norm: scale, shift and running statistics, a value a channel each.</summary>
internal sealed record ImportedNorm(ImportedTensor Weight, ImportedTensor Bias, ImportedTensor Mean, ImportedTensor Variance, double Epsilon);

/// <summary>A convolution with the batch norm behind it, or with a bias where batch norm is folded into it.</summary>
/// <param name="Name">What the file calls it.</param>
/// <param name="Weight">[outputs, inputs, kernel, kernel].</param>
/// <param name="Norm">Null where it is folded.</param>
/// <param name="Bias">[outputs]; null for none.</param>
internal sealed record ImportedConv(string Name, ImportedTensor Weight, ImportedNorm? Norm, ImportedTensor? Bias)
{
    public int Outputs => Weight.Shape[0];

    public int Inputs => Weight.Shape[1];

    public int Kernel => Weight.Shape[2];
}

/// <summary>A residual block.</summary>
/// <param name="Name">What the file calls it.</param>
/// <param name="Branch">Its convolutions in order: two or three.</param>
/// <param name="Projection">The convolution of its shortcut; null where that is the identity.</param>
internal sealed record ImportedBlock(string Name, IReadOnlyList<ImportedConv> Branch, ImportedConv? Projection);

/// <summary>A classifier.</summary>
/// <param name="Name">What the file calls it.</param>
/// <param name="Weight">[classes, features].</param>
/// <param name="Bias">[classes]; null for none.</param>
internal sealed record ImportedHead(string Name, ImportedTensor Weight, ImportedTensor? Bias);
