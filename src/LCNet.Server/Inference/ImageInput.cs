namespace LCNet.Server.Inference;

/// <summary>An image as it came with a request: a file, or the network's input as it is.</summary>
internal readonly record struct ImageInput
{
    private ImageInput(string field, ReadOnlyMemory<byte> file, Action<float[]>? copyTensor)
    {
        Field = field;
        EncodedFile = file;
        CopyTensor = copyTensor;
    }

    /// <summary>The request's field that holds it, for refusals.</summary>
    public string Field { get; }

    /// <summary>The file's bytes; empty for a tensor.</summary>
    public ReadOnlyMemory<byte> EncodedFile { get; }

    /// <summary>What it holds while it waits, in bytes.</summary>
    public int Bytes { get; private init; }

    /// <summary>Copies the network's input; null for a file.</summary>
    public Action<float[]>? CopyTensor { get; }

    /// <summary>An image file.</summary>
    /// <param name="encoded">The file's bytes.</param>
    public static ImageInput File(string field, ReadOnlyMemory<byte> encoded) => new(field, encoded, null) { Bytes = encoded.Length };

    /// <summary>A network's input, of the right length and finite.</summary>
    public static ImageInput Tensor(string field, int bytes, Action<float[]> copy) => new(field, default, copy) { Bytes = bytes };
}
