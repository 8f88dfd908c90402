using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Inference;
using LCNet.Server.Models;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>An output of every model. Immutable and thread-safe.</summary>
/// <param name="width">Values an image; null for one, without a dimension of its own.</param>
internal abstract class InferOutput(string name, string datatype, Func<ServedModel, int>? width)
{
    public string Name => name;

    public string Datatype => datatype;

    /// <summary>Shape of the tensor, the number of images first.</summary>
    /// <param name="images">How many; -1 for any number.</param>
    public IEnumerable<long> Shape(ServedModel model, long images) => width is null ? [images] : [images, width(model)];

    /// <summary>Writes its values as typed contents.</summary>
    public abstract void Write(InferRows rows, InferTensorContents contents);

    /// <summary>The tensor's values as raw contents.</summary>
    public abstract ByteString Raw(InferRows rows);
}

/// <summary>The name of the most probable label, in UTF-8.</summary>
internal sealed class LabelOutput() : InferOutput("label", InferTypes.Bytes, width: null)
{
    public override void Write(InferRows rows, InferTensorContents contents) => contents.BytesContents.AddRange(rows.Labels.Select(ByteString.CopyFromUtf8));

    public override ByteString Raw(InferRows rows) => RawTensor.From(rows.Labels);
}

/// <summary>An output of numbers.</summary>
/// <param name="width">Values an image; null for one, without a dimension of its own.</param>
/// <param name="values">Takes its values from a batch, row-major.</param>
internal sealed class NumberOutput<T>(
    string name, string datatype, Func<ServedModel, int>? width, Func<InferRows, T[]> values, Func<InferTensorContents, RepeatedField<T>> list)
    : InferOutput(name, datatype, width)
    where T : unmanaged
{
    /// <summary>Its values of a batch, row-major.</summary>
    public T[] Values(InferRows rows) => values(rows);

    public override void Write(InferRows rows, InferTensorContents contents) => list(contents).AddRange(values(rows));

    public override ByteString Raw(InferRows rows) => RawTensor.From<T>(values(rows));
}

/// <summary>The highest of an output's scores, as Triton writes classes: <c>value:index:label</c>, the highest first.</summary>
/// <param name="scores">An output with a value a label.</param>
/// <param name="count">How many of each image, 1 to the number of labels.</param>
internal sealed class ClassificationOutput(NumberOutput<float> scores, int count) : InferOutput(scores.Name, InferTypes.Bytes, _ => count)
{
    public override void Write(InferRows rows, InferTensorContents contents) => contents.BytesContents.AddRange(Classes(rows).Select(ByteString.CopyFromUtf8));

    public override ByteString Raw(InferRows rows) => RawTensor.From(Classes(rows));

    private IEnumerable<string> Classes(InferRows rows) => scores.Values(rows).Chunk(rows.LabelNames.Count).SelectMany(row => row
        .Index()
        .OrderByDescending(score => score.Item)
        .Take(count)
        .Select(score => string.Create(CultureInfo.InvariantCulture, $"{score.Item:F6}:{score.Index}:{rows.LabelNames[score.Index]}")));
}
