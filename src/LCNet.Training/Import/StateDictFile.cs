using System.Collections;
using LCNet.Training.Native;
using TorchSharp;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

namespace LCNet.Training.Import;

/// <summary>Reads the tensors of a PyTorch state dict or of a safetensors file by name. Nothing in a file is executed.</summary>
internal static class StateDictFile
{
    // Where checkpoints of common training scripts keep the state dict, and what wrappers put in front of every name.
    private static readonly string[] Holders = ["state_dict", "model_state_dict", "model", "net", "network"];
    private static readonly string[] Prefixes = ["module.", "model.", "net.", "network.", "backbone.", "_orig_mod."];

    /// <summary>Reads a <c>.pth</c> or <c>.pt</c> file, which <c>torch.save</c> wrote.</summary>
    /// <param name="path">A state dict, or a checkpoint that holds one.</param>
    /// <exception cref="InvalidDataException">It is no such file; the message says why.</exception>
    public static IReadOnlyDictionary<string, ImportedTensor> ReadTorch(string path) => Read(path, () =>
    {
        Hashtable loaded = PyTorchUnpickler.UnpickleStateDict(path);
        Hashtable holder = Holders.Select(name => loaded[name]).OfType<Hashtable>().FirstOrDefault() ?? loaded;
        return holder.Cast<DictionaryEntry>().Where(entry => entry is { Key: string, Value: Tensor }).ToDictionary(entry => (string)entry.Key, entry => (Tensor)entry.Value!);
    });

    /// <summary>Reads a <c>.safetensors</c> file.</summary>
    /// <exception cref="InvalidDataException">It is no such file; the message says why.</exception>
    public static IReadOnlyDictionary<string, ImportedTensor> ReadSafetensors(string path) => Read(path, () => Safetensors.LoadStateDict(path));

    private static Dictionary<string, ImportedTensor> Read(string path, Func<Dictionary<string, Tensor>> load)
    {
        TorchLibrary.EnsureLoaded();
        using var uncollected = UncollectedRegion.Open();
        using var scope = NewDisposeScope();
        Dictionary<string, Tensor> tensors;
        try
        {
            tensors = load();
        }
        catch (Exception exception) when (exception is not (IOException or UnauthorizedAccessException or OutOfMemoryException))
        {
            // The readers throw whatever their parsers do.
            throw new InvalidDataException($"{path}: {exception.Message}", exception);
        }

        if (tensors.Count == 0)
        {
            throw new InvalidDataException($"{path}: holds no tensors by name. Save it with torch.save(model.state_dict(), …).");
        }

        string prefix = Prefix(tensors.Keys);
        return tensors.ToDictionary(entry => entry.Key[prefix.Length..], entry => Take(entry.Value), StringComparer.Ordinal);
    }

    private static string Prefix(IReadOnlyCollection<string> names)
    {
        int length = 0;
        while (Prefixes.FirstOrDefault(prefix => names.All(name => name.AsSpan(length).StartsWith(prefix, StringComparison.Ordinal))) is { } prefix)
        {
            length += prefix.Length;
        }

        return names.First()[..length];
    }

    private static ImportedTensor Take(Tensor tensor)
    {
        using Tensor values = tensor.to_type(ScalarType.Float32).contiguous();
        return new ImportedTensor(values.data<float>().ToArray(), [.. tensor.shape.Select(size => (int)size)]);
    }
}
