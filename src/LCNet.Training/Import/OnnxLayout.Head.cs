using LCNet.Bundles.Onnx;

namespace LCNet.Training.Import;

/// <content>What follows the blocks: the mean of each channel's map and, where there is one, the classifier.</content>
internal sealed partial class OnnxLayout
{
    private ImportedHead? ReadHead(string value)
    {
        NodeProto pool = Expect(value, "GlobalAveragePool", "ReduceMean", "AveragePool");
        bool isGlobal = pool.OpType switch
        {
            "AveragePool" => _size is int size && Ints(pool, "kernel_shape") is [long rows, long columns] && rows == size && columns == size,
            "ReduceMean" => (_file.Integers(pool, 1) ?? Ints(pool, "axes")) is [2, 3] or [-2, -1] or [-1, -2],
            _ => true,
        };
        if (!isGlobal)
        {
            throw new NotSupportedException($"{OnnxFile.Describe(pool)}: not the mean of whole maps.");
        }

        value = pool.Output[0];
        ImportedHead? head = null;
        while (!_file.IsOutput(value))
        {
            NodeProto node = _file.Next(value);
            if (node.OpType is "Gemm" or "MatMul" && head is null)
            {
                head = ReadLinear(node);
            }
            else if (node.OpType == "Add" && head is { Bias: null })
            {
                head = head with { Bias = _file.Required(node, _file.IsConstant(node, 1) ? 1 : 0) };
            }
            else if (node.OpType is not ("Flatten" or "Reshape" or "Squeeze" or "Softmax" or "LogSoftmax"))
            {
                throw new NotSupportedException($"{OnnxFile.Describe(node)}: behind the pool, where one linear layer is expected.");
            }

            value = node.Output[0];
        }

        return head;
    }

    private ImportedHead ReadLinear(NodeProto node)
    {
        ImportedTensor weight = _file.Required(node, 1);
        bool isPlain = node.OpType == "MatMul" || ((Float(node, "alpha") ?? 1) == 1 && (Float(node, "beta") ?? 1) == 1 && (Int(node, "transA") ?? 0) == 0);
        if (!isPlain || weight.Shape is not [int rows, int columns])
        {
            throw new NotSupportedException($"{OnnxFile.Describe(node)}: no plain linear layer.");
        }

        if (node.OpType == "MatMul" || (Int(node, "transB") ?? 0) == 0)
        {
            float[] turned = new float[weight.Values.Length];
            for (int i = 0; i < turned.Length; i++)
            {
                turned[(i % columns * rows) + (i / columns)] = weight.Values[i];
            }

            weight = new ImportedTensor(turned, [columns, rows]);
        }

        ImportedTensor? bias = node.OpType == "Gemm" ? _file.Constant(node, 2) : null;
        return new ImportedHead(OnnxFile.Describe(node), weight, bias);
    }
}
