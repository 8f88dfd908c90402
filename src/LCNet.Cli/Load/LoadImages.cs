using Google.Protobuf;
using LCNet.V1;

namespace LCNet.Cli.Load;

/// <summary>Requests made of image files beforehand, and the class of each: the name of its folder.</summary>
internal sealed class LoadImages
{
    private LoadImages(IReadOnlyList<ClassifyRequest> requests, IReadOnlyList<string> classes)
    {
        Requests = requests;
        Classes = classes;
    }

    /// <summary>Not changed any more.</summary>
    public IReadOnlyList<ClassifyRequest> Requests { get; }

    /// <summary>Of each request.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Reads images.</summary>
    /// <param name="source">A folder with one sub-folder a class, or a text file with the path of an image a line, as <c>lcnet evaluate --list</c> writes it.</param>
    /// <param name="effort">Of every request; null to leave it to the server.</param>
    /// <param name="seed">Of their order.</param>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static LoadImages Read(string source, double? effort, int seed)
    {
        string[] files = Directory.Exists(source)
            ? [.. Directory.GetDirectories(source).SelectMany(Directory.GetFiles).Order(StringComparer.Ordinal)]
            : File.ReadAllLines(source);
        if (files.Length == 0)
        {
            throw new InvalidDataException($"{source}: there is no image in it.");
        }

        // Mixed, for a run that is not a whole number of rounds over classes that come one after the other.
        new Random(seed).Shuffle(files);
        return new LoadImages([.. files.Select(file => Request(file, effort))], [.. files.Select(file => Path.GetFileName(Path.GetDirectoryName(file)) ?? string.Empty)]);
    }

    private static ClassifyRequest Request(string file, double? effort)
    {
        var request = new ClassifyRequest { EncodedImage = UnsafeByteOperations.UnsafeWrap(File.ReadAllBytes(file)), TopK = 1 };
        if (effort is double value)
        {
            request.Effort = value;
        }

        return request;
    }
}
