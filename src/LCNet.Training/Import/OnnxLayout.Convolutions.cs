using LCNet.Bundles.Onnx;

namespace LCNet.Training.Import;

/// <content>One convolution with what belongs to it: its padding, however the exporter wrote that, and its batch norm.</content>
internal sealed partial class OnnxLayout
{
    private Layer ReadConvolution(NodeProto node, string value)
    {
        (int before, int after) = TakePadding(ref node);
        string name = OnnxFile.Describe(node);
        if (node.OpType != "Conv")
        {
            throw new NotSupportedException($"{name}: reads {value}, where a convolution is expected.");
        }

        ImportedTensor weight = _file.Required(node, 1);
        int group = Int(node, "group") ?? 1;
        if (group != 1)
        {
            throw new NotSupportedException($"{name}: {group} groups, as in ResNeXt; only convolutions of one group can be imported.");
        }

        if (weight.Shape is not [_, _, int rows, int columns] || rows != columns || Ints(node, "dilations").Any(dilation => dilation != 1) || Ints(node, "strides") is not ([] or [1, 1] or [2, 2]))
        {
            throw new NotSupportedException($"{name}: weights {string.Join('×', weight.Shape)}, strides {string.Join('×', Ints(node, "strides"))}, dilations {string.Join('×', Ints(node, "dilations"))}; a square convolution of stride 1 or 2 without dilation is expected.");
        }

        int stride = Ints(node, "strides") is [2, 2] ? 2 : 1;
        CheckPadding(node, rows, stride, before, after);
        int channels = weight.Shape[0];
        ImportedTensor? bias = _file.Constant(node, 2) is null ? null : _file.Required(node, 2, channels);
        string output = node.Output[0];
        IReadOnlyList<NodeProto> consumers = _file.Consumers(output);
        if (consumers is not [{ OpType: "BatchNormalization" } norm])
        {
            return new Layer(new ImportedConv(name, weight, null, bias), stride, output);
        }

        var batchNorm = new ImportedNorm(
            _file.Required(norm, 1, channels), _file.Required(norm, 2, channels), _file.Required(norm, 3, channels), _file.Required(norm, 4, channels), Float(norm, "epsilon") ?? 1e-5f);
        return new Layer(new ImportedConv(name, weight, batchNorm, bias), stride, norm.Output[0]);
    }

    // A Pad of zeros in front of a convolution or pool, as exporters of TensorFlow and Keras write it: rows before and behind.
    private (int Before, int After) TakePadding(ref NodeProto node)
    {
        if (node.OpType != "Pad")
        {
            return (0, 0);
        }

        IReadOnlyList<long> pads = _file.Integers(node, 1) ?? Ints(node, "pads");
        bool isZero = node.Input.Count < 3 || _file.Constant(node, 2) is not { Values: [not 0] };
        if (!isZero || pads is not [0, 0, long top, long left, 0, 0, long bottom, long right] || top != left || bottom != right)
        {
            throw new NotSupportedException($"{OnnxFile.Describe(node)}: pads {string.Join(' ', pads)}, where zeros around both sides of the image are expected.");
        }

        node = _file.Next(node.Output[0]);
        return ((int)top, (int)bottom);
    }

    // Half the kernel on every side. With stride 2 on an even size the last row and column of padding are never read, so that they may be missing.
    private void CheckPadding(NodeProto node, int kernel, int stride, int before, int after)
    {
        long[] own = [.. Ints(node, "pads")];
        string mode = node.Attribute.FirstOrDefault(attribute => attribute.Name == "auto_pad")?.S.ToStringUtf8() ?? "NOTSET";
        int half = kernel / 2;
        if (mode is "SAME_UPPER" or "SAME_LOWER" && _size is int same)
        {
            int total = Math.Max(0, (((same + stride - 1) / stride) - 1) * stride + kernel - same);
            int less = total / 2;
            own = mode == "SAME_UPPER" ? [less, less, total - less, total - less] : [total - less, total - less, less, less];
        }

        (long top, long bottom) = own is [long t, long l, long b, long r] && t == l && b == r ? (t + before, b + after) : own.Length == 0 ? (before, after) : (-1, -1);
        bool isEven = _size is int size && size % 2 == 0;
        if (top != half || (bottom != half && !(stride == 2 && isEven && bottom == half - 1)))
        {
            throw new NotSupportedException($"{OnnxFile.Describe(node)}: padding {top} before and {bottom} behind, where a {kernel}×{kernel} window has {half} on every side.");
        }

        _size = (_size + stride - 1) / stride;
    }

    private sealed record Layer(ImportedConv Convolution, int Stride, string Output);
}
