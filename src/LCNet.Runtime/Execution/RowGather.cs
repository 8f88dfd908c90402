using Google.Protobuf;
using LCNet.Bundles.Onnx;

namespace LCNet.Runtime.Execution;

/// <summary>
/// Lets a segment run on chosen rows of a buffer: a bundle's graphs take a batch, and those of the images that run a segment together lie anywhere. The graph is changed
/// in memory, so bundles are as they were.
/// </summary>
internal static class RowGather
{
    /// <summary>Name of the added input: the rows, int64 [N].</summary>
    public const string Rows = "lcnet_rows";

    private const string Input = "x";
    private const string Gathered = "lcnet_x_rows";

    /// <summary>Adds the input <see cref="Rows"/> and, in front of everything that reads <c>x</c>, a node that gathers these rows of it.</summary>
    /// <returns>The changed model; the same where it has no input <c>x</c>.</returns>
    /// <exception cref="InvalidProtocolBufferException">It is no ONNX model.</exception>
    /// <exception cref="InvalidDataException">It has no graph.</exception>
    public static byte[] Prepend(byte[] model)
    {
        var parsed = ModelProto.Parser.ParseFrom(model);
        GraphProto graph = parsed.Graph ?? throw new InvalidDataException("It has no graph.");
        ValueInfoProto? x = graph.Input.FirstOrDefault(input => input.Name == Input);
        if (x is null)
        {
            return model;
        }

        foreach (NodeProto node in graph.Node)
        {
            for (int i = 0; i < node.Input.Count; i++)
            {
                node.Input[i] = node.Input[i] == Input ? Gathered : node.Input[i];
            }
        }

        var gather = new NodeProto { OpType = "Gather", Name = Gathered };
        gather.Input.AddRange([Input, Rows]);
        gather.Output.Add(Gathered);
        gather.Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 0 });
        graph.Node.Insert(0, gather);
        if (x.Type?.TensorType?.Shape?.Dim is [TensorShapeProto.Types.Dimension batch, ..])
        {
            graph.Input.Add(RowsInput(batch));

            // The buffer has more rows than are run.
            x.Type.TensorType.Shape.Dim[0] = new TensorShapeProto.Types.Dimension { DimParam = "lcnet_slots" };
        }

        return parsed.ToByteArray();
    }

    private static ValueInfoProto RowsInput(TensorShapeProto.Types.Dimension batch) => new()
    {
        Name = Rows,
        Type = new TypeProto
        {
            TensorType = new TypeProto.Types.Tensor
            {
                ElemType = TensorProto.Types.DataType.Int64,
                Shape = new TensorShapeProto { Dim = { batch.Clone() } },
            },
        },
    };
}
