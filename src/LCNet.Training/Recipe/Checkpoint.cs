using System.IO.Compression;
using System.Text.Json;
using LCNet.Training.Data;
using LCNet.Training.Networks;

namespace LCNet.Training.Recipe;

/// <summary>What a checkpoint says besides weights.</summary>
public sealed record CheckpointInfo
{
    /// <summary>The recipe.</summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>Epochs that are done.</summary>
    public required int Epochs { get; init; }

    /// <summary>Class names, in the order of the outputs.</summary>
    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>Normalisation of the input.</summary>
    public required Normalisation Normalisation { get; init; }
}

/// <summary>The state of a training after an epoch, in one file. Written atomically: a reader sees the old file or the new one.</summary>
public static class Checkpoint
{
    private const string InfoEntry = "info.json";
    private const string WeightsEntry = "weights.bin";
    private const string LatestEntry = "latest.bin";
    private const string OptimizerEntry = "optimizer.bin";
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    /// <summary>Reads what a checkpoint says besides weights.</summary>
    /// <exception cref="InvalidDataException">The file is not a checkpoint.</exception>
    public static CheckpointInfo ReadInfo(string path)
    {
        using ZipArchive archive = Open(path);
        return ReadInfo(archive, path);
    }

    /// <summary>Reads a trained network.</summary>
    /// <returns>The network in evaluation mode, and what the checkpoint says of it.</returns>
    /// <exception cref="InvalidDataException">The file is not a checkpoint.</exception>
    public static (LcNet Network, CheckpointInfo Info) ReadNetwork(string path)
    {
        using ZipArchive archive = Open(path);
        CheckpointInfo info = ReadInfo(archive, path);
        var network = new LcNet(info.Options.Architecture(info.Classes.Count));
        ReadEntry(archive, WeightsEntry, path, reader => network.load(reader));
        network.eval();
        return (network, info);
    }

    internal static void Write(string path, CheckpointInfo info, LcNet network, LcNet average, TorchSharp.Modules.SGD optimizer)
    {
        string temporary = path + ".partial";
        using (FileStream file = File.Create(temporary))
        {
            using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
            {
                using (Stream entry = archive.CreateEntry(InfoEntry).Open())
                {
                    JsonSerializer.Serialize(entry, info, Json);
                }

                WriteEntry(archive, WeightsEntry, writer => average.save(writer));
                WriteEntry(archive, LatestEntry, writer => network.save(writer));
                WriteEntry(archive, OptimizerEntry, optimizer.save_state_dict);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    internal static void ReadState(string path, LcNet network, LcNet average, TorchSharp.Modules.SGD optimizer)
    {
        using ZipArchive archive = Open(path);
        ReadEntry(archive, WeightsEntry, path, reader => average.load(reader));
        ReadEntry(archive, LatestEntry, path, reader => network.load(reader));
        ReadEntry(archive, OptimizerEntry, path, optimizer.load_state_dict);
    }

    private static ZipArchive Open(string path)
    {
        try
        {
            return ZipFile.OpenRead(path);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{path}: not a checkpoint. {exception.Message}", exception);
        }
    }

    private static CheckpointInfo ReadInfo(ZipArchive archive, string path)
    {
        using Stream stream = (archive.GetEntry(InfoEntry) ?? throw Missing(path, InfoEntry)).Open();
        try
        {
            return JsonSerializer.Deserialize<CheckpointInfo>(stream, Json) ?? throw Missing(path, InfoEntry);
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{path}: not a checkpoint, its {InfoEntry} cannot be read: {exception.Message}", exception);
        }
    }

    private static InvalidDataException Missing(string path, string entry) => new($"{path}: not a checkpoint, it has no {entry}.");

    // Torch's readers want to seek, which a zip entry cannot: entries go through memory.
    private static void WriteEntry(ZipArchive archive, string name, Action<BinaryWriter> write)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        write(writer);
        writer.Flush();
        using Stream entry = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
        memory.WriteTo(entry);
    }

    private static void ReadEntry(ZipArchive archive, string name, string path, Action<BinaryReader> read)
    {
        using var memory = new MemoryStream();
        using (Stream entry = (archive.GetEntry(name) ?? throw Missing(path, name)).Open())
        {
            entry.CopyTo(memory);
        }

        memory.Position = 0;
        using var reader = new BinaryReader(memory);
        read(reader);
    }
}
