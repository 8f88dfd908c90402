namespace LCNet.Training.Import;

/// <summary>Reads residual networks of other tools.</summary>
public static class NetworkFile
{
    /// <summary>Reads a network.</summary>
    /// <param name="path">
    /// A PyTorch state dict (<c>.pth</c>, <c>.pt</c>, <c>.bin</c>) or a <c>.safetensors</c> file with the names of torchvision, timm or Hugging Face; or an ONNX model
    /// (<c>.onnx</c>) of any exporter.
    /// </param>
    /// <exception cref="InvalidDataException">The file is damaged, or none of these, or holds another kind of network; the message names file and part.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ImportedNetwork Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            return Path.GetExtension(path).ToUpperInvariant() switch
            {
                ".ONNX" => OnnxLayout.Read(OnnxFile.Read(path)),
                ".SAFETENSORS" => StateDictLayout.Read("safetensors", StateDictFile.ReadSafetensors(path)),
                ".PTH" or ".PT" or ".BIN" => StateDictLayout.Read("PyTorch", StateDictFile.ReadTorch(path)),
                _ => throw new InvalidDataException($"{path}: a network to import is a .pth, .pt, .bin, .safetensors or .onnx file."),
            };
        }
        catch (NotSupportedException exception)
        {
            throw new InvalidDataException($"{path}: {exception.Message}", exception);
        }
    }
}
