using Google.Protobuf;
using LCNet.Bundles;
using LCNet.Bundles.Onnx;

namespace LCNet.Runtime.Execution;

/// <summary>
/// The static network of a bundle as one ONNX graph, put together from its segments: every block with all its channels, and neither gates nor scales. So a bundle holds
/// each weight once.
/// </summary>
public static class DenseGraph
{
    private const string Image = "image";
    private const string Logits = "logits";

    private static readonly string[] Scales = ["channel_scale", "layer_scale"];

    /// <summary>Puts the graph together.</summary>
    /// <param name="bundle">Verified.</param>
    /// <returns>An ONNX model: input <c>image</c> [N, 3, H, W], output <c>logits</c> [N, labels].</returns>
    /// <exception cref="BundleException">A segment is no ONNX model; the message names the file.</exception>
    public static byte[] Assemble(Bundle bundle)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        BundleManifest manifest = bundle.Manifest;
        ModelProto stem = Read(bundle, manifest.Stem.File);
        ModelProto head = Read(bundle, manifest.Head.File);
        var dense = new ModelProto { IrVersion = stem.IrVersion, ProducerName = "lcnet", Graph = new GraphProto { Name = "dense" } };
        dense.OpsetImport.AddRange(stem.OpsetImport);
        dense.Graph.Input.AddRange(stem.Graph.Input);
        dense.Graph.Output.AddRange(head.Graph.Output);
        string value = Append(dense.Graph, stem.Graph, "stem_", Image, Image);
        for (int i = 0; i < manifest.Blocks.Count; i++)
        {
            value = Append(dense.Graph, Read(bundle, manifest.Blocks[i].File).Graph, $"block{i}_", "x", value);
        }

        Append(dense.Graph, head.Graph, "head_", "x", value);
        return dense.ToByteArray();
    }

    // Adds a segment that reads a value, under names of its own. Returns what it gives.
    private static string Append(GraphProto dense, GraphProto segment, string prefix, string input, string value)
    {
        // What a value of the segment is called in the whole; null for a scale, which is 1.
        var names = new Dictionary<string, string?>(StringComparer.Ordinal) { [input] = value, [Logits] = Logits };
        foreach (string scale in Scales)
        {
            names[scale] = null;
        }

        string? NameOf(string own) => names.TryGetValue(own, out string? name) ? name : prefix + own;
        foreach (NodeProto node in segment.Node)
        {
            string[] read = [.. node.Input];
            if (node.OpType == "Gather" && read[^1] == "keep")
            {
                // All channels are kept.
                names[node.Output[0]] = NameOf(read[0]);
            }
            else if (node.OpType == "Unsqueeze" && NameOf(read[0]) is null)
            {
                names[node.Output[0]] = null;
            }
            else if (node.OpType == "Mul" && read.Any(own => NameOf(own) is null))
            {
                names[node.Output[0]] = read.Select(NameOf).OfType<string>().Single();
            }
            else
            {
                NodeProto copy = node.Clone();
                copy.Name = prefix + node.Name;
                copy.Input.Clear();
                copy.Input.AddRange(read.Select(own => NameOf(own)!));
                copy.Output[0] = NameOf(node.Output[0])!;
                dense.Node.Add(copy);
            }
        }

        HashSet<string> used = [.. dense.Node.SelectMany(node => node.Input)];
        foreach (TensorProto constant in segment.Initializer.Where(constant => used.Contains(prefix + constant.Name)))
        {
            TensorProto copy = constant.Clone();
            copy.Name = prefix + constant.Name;
            dense.Initializer.Add(copy);
        }

        return NameOf(segment.Output[0].Name)!;
    }

    private static ModelProto Read(Bundle bundle, string file)
    {
        try
        {
            ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(bundle.PathOf(file)));
            return model.Graph is { Output.Count: > 0 } ? model : throw new BundleException(bundle.Folder, [$"{file} has no graph with an output"]);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new BundleException(bundle.Folder, [$"{file} is no ONNX file: {exception.Message}"]);
        }
    }
}
