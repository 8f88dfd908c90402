using Google.Protobuf;
using LCNet.Bundles.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Runtime.Batching;

/// <summary>
/// Copies a tape to the device, in the order of the other dispatches. ONNX Runtime has no call that copies to given device memory, but a session does: what is bound to its
/// inputs is copied to the device, and what it computes, here the same, is written to the memory that is bound to its outputs. Not thread-safe.
/// </summary>
internal sealed class TapeUpload : IDisposable
{
    private readonly DispatchTape _tape;
    private readonly TensorMemory _hostIndices;
    private readonly TensorMemory _hostValues;
    private readonly TensorMemory _indices;
    private readonly TensorMemory _values;
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;

    /// <summary>Makes an upload.</summary>
    /// <param name="indices">Takes the indices, as many as the tape has at most.</param>
    /// <param name="values">Takes the values, as many as the tape has at most.</param>
    public TapeUpload(DispatchTape tape, TensorMemory indices, TensorMemory values, SessionOptions options)
    {
        _tape = tape;
        _hostIndices = new TensorMemory(tape.Indices);
        _hostValues = new TensorMemory(tape.Values);
        _indices = indices;
        _values = values;
        _session = new InferenceSession(Copier(), options);
        _binding = _session.CreateIoBinding();
    }

    /// <summary>Copies what is on the tape.</summary>
    public void Run(RunOptions run)
    {
        using OrtValue hostIndices = _hostIndices.Tensor(0, _tape.IndexCount);
        using OrtValue hostValues = _hostValues.Tensor(0, _tape.ValueCount);
        using OrtValue indices = _indices.Tensor(0, _tape.IndexCount);
        using OrtValue values = _values.Tensor(0, _tape.ValueCount);
        _binding.BindInput("host_indices", hostIndices);
        _binding.BindInput("host_values", hostValues);
        _binding.BindOutput("indices", indices);
        _binding.BindOutput("values", values);
        _session.RunWithBinding(run, _binding);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
    }

    private static byte[] Copier()
    {
        var graph = new GraphProto { Name = "upload" };
        Add(graph, "indices", TensorProto.Types.DataType.Int64);
        Add(graph, "values", TensorProto.Types.DataType.Float);
        var model = new ModelProto { IrVersion = 8, ProducerName = "lcnet", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return model.ToByteArray();
    }

    private static void Add(GraphProto graph, string name, TensorProto.Types.DataType type)
    {
        ValueInfoProto Value(string full) => new()
        {
            Name = full,
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor
                {
                    ElemType = type,
                    Shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = name } } },
                },
            },
        };
        var node = new NodeProto { OpType = "Identity", Name = name };
        node.Input.Add("host_" + name);
        node.Output.Add(name);
        graph.Node.Add(node);
        graph.Input.Add(Value("host_" + name));
        graph.Output.Add(Value(name));
    }
}
