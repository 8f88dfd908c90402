using Google.Protobuf;
using Inference;

namespace LCNet.Server;

/// <summary>The name of the most probable label, in UTF-8.</summary>
internal sealed class LabelOutput() : InferOutput("label", InferTypes.Bytes, width: null)
{
    public override void Write(InferRows rows, InferTensorContents contents) => contents.BytesContents.AddRange(rows.Labels.Select(ByteString.CopyFromUtf8));

    public override ByteString Raw(InferRows rows) => RawTensor.From(rows.Labels);
}
