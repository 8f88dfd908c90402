using Google.Protobuf;
using Google.Protobuf.Collections;
using Inference;

namespace LCNet.Server;

/// <summary>An output of numbers.</summary>
/// <param name="name">Its name.</param>
/// <param name="datatype">Its type, as wide as the numbers.</param>
/// <param name="width">Values an image; null for one, without a dimension of its own.</param>
/// <param name="values">Takes its values from a batch, row-major.</param>
/// <param name="list">Where they go among the typed contents.</param>
internal sealed class NumberOutput<T>(
    string name, string datatype, Func<ServedModel, int>? width, Func<InferRows, T[]> values, Func<InferTensorContents, RepeatedField<T>> list)
    : InferOutput(name, datatype, width)
    where T : unmanaged
{
    public override void Write(InferRows rows, InferTensorContents contents) => list(contents).AddRange(values(rows));

    public override ByteString Raw(InferRows rows) => RawTensor.From<T>(values(rows));
}
