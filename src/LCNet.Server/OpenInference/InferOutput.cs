using Google.Protobuf;
using Inference;

namespace LCNet.Server;

/// <summary>An output of every model. Immutable and thread-safe.</summary>
/// <param name="name">Its name.</param>
/// <param name="datatype">Its type.</param>
/// <param name="width">Values an image; null for one, without a dimension of its own.</param>
internal abstract class InferOutput(string name, string datatype, Func<ServedModel, int>? width)
{
    public string Name => name;

    public string Datatype => datatype;

    /// <summary>Its shape: images first.</summary>
    /// <param name="model">The model.</param>
    /// <param name="images">How many; -1 for any number.</param>
    public IEnumerable<long> Shape(ServedModel model, long images) => width is null ? [images] : [images, width(model)];

    /// <summary>Writes its values as typed contents.</summary>
    public abstract void Write(InferRows rows, InferTensorContents contents);

    /// <summary>Its values as raw contents.</summary>
    public abstract ByteString Raw(InferRows rows);
}
