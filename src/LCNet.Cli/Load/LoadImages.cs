using Google.Protobuf;

namespace LCNet.Cli.Load;

/// <summary>Image files in memory, and the class of each: the name of its folder.</summary>
internal sealed class LoadImages
{
    private const int MostLines = 10_000_000;

    private LoadImages(IReadOnlyList<ByteString> files, IReadOnlyList<string> classes)
    {
        Files = files;
        Classes = classes;
    }

    /// <summary>Contents of the image files, at least one.</summary>
    public IReadOnlyList<ByteString> Files { get; }

    /// <summary>Of each file.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Reads images.</summary>
    /// <param name="source">A folder with one sub-folder a class, or a text file with the path of an image a line, as <c>lcnet evaluate --list</c> writes it.</param>
    /// <exception cref="InvalidDataException">There is none, or a file is no list, or a line of it no file.</exception>
    public static LoadImages Read(string source, int seed)
    {
        string[] files = Directory.Exists(source)
            ? [.. Directory.GetDirectories(source).SelectMany(Directory.GetFiles).Order(StringComparer.Ordinal)]
            : ReadList(source);
        if (files.Length == 0)
        {
            throw new InvalidDataException($"{source}: there is no image in it.");
        }

        // Mixed, for a run that is not a whole number of rounds over classes that come one after the other.
        new Random(seed).Shuffle(files);
        return new LoadImages(
            [.. files.Select(file => UnsafeByteOperations.UnsafeWrap(File.ReadAllBytes(file)))],
            [.. files.Select(file => Path.GetFileName(Path.GetDirectoryName(file)) ?? string.Empty)]);
    }

    private static string[] ReadList(string source)
    {
        string[] lines = [.. File.ReadLines(source).Take(MostLines).Where(line => !string.IsNullOrWhiteSpace(line))];
        if (lines.Any(line => line.Any(letter => char.IsControl(letter) || letter == '\uFFFD')))
        {
            throw new InvalidDataException($"{source}: is neither a folder with a sub-folder a class nor a text file with the path of an image a line.");
        }

        return Array.Find(lines, line => !File.Exists(line)) is { } missing ? throw new InvalidDataException($"{source}: there is no file '{missing}'.") : lines;
    }
}
