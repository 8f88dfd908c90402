using LCNet.Imaging;

namespace LCNet.Training.Data;

/// <summary>Reads a folder of images with one sub-folder a class.</summary>
public static class ImageFolder
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp", ".bmp"];

    // Training reads its owner's files, so only what cannot be decoded at once is refused.
    private static readonly ImageLimits Limits = new() { MaxBytes = int.MaxValue, MaxPixels = 1 << 28 };

    /// <summary>The image files of a folder in a fixed order, with their class indices.</summary>
    /// <param name="folder">Its sub-folders are the classes, in ordinal order of their names.</param>
    /// <exception cref="InvalidDataException">There is no class, or a class has no image; the message names it.</exception>
    public static (IReadOnlyList<string> Classes, IReadOnlyList<(string Path, int Label)> Files) List(string folder)
    {
        string[] classFolders = Directory.GetDirectories(folder);
        Array.Sort(classFolders, StringComparer.Ordinal);
        if (classFolders.Length < 2)
        {
            throw new InvalidDataException($"{folder}: expected one sub-folder a class and at least two classes, found {classFolders.Length}.");
        }

        var files = new List<(string, int)>();
        for (int label = 0; label < classFolders.Length; label++)
        {
            string[] images = [.. Directory.GetFiles(classFolders[label])
                .Where(file => Extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
                .Order(StringComparer.Ordinal)];
            if (images.Length == 0)
            {
                throw new InvalidDataException($"{classFolders[label]}: class without an image ({string.Join(", ", Extensions)}).");
            }

            files.AddRange(images.Select(image => (image, label)));
        }

        return ([.. classFolders.Select(path => Path.GetFileName(path)!)], files);
    }

    /// <summary>Decodes every image of a folder.</summary>
    /// <param name="folder">Its sub-folders are the classes.</param>
    /// <param name="size">Height and width of the result: other images are scaled so that their shorter side fits, then cropped at the centre.</param>
    /// <exception cref="InvalidDataException">The folder is not as expected or a file cannot be decoded; the message names it.</exception>
    public static ImageSet Read(string folder, int size)
    {
        (IReadOnlyList<string> classes, IReadOnlyList<(string Path, int Label)> files) = List(folder);
        int bytes = size * size * 3;
        if ((long)files.Count * bytes > Array.MaxLength)
        {
            throw new InvalidDataException($"{folder}: {files.Count} images of {size}×{size} do not fit in memory at once; the limit is {Array.MaxLength / bytes}.");
        }

        byte[] pixels = new byte[files.Count * bytes];
        try
        {
            Parallel.For(0, files.Count, i => Decode(files[i].Path, size, pixels.AsSpan(i * bytes, bytes)));
        }
        catch (AggregateException exception) when (exception.InnerException is InvalidDataException first)
        {
            throw new InvalidDataException(first.Message, first);
        }

        return new ImageSet(pixels, [.. files.Select(file => file.Label)], size, classes);
    }

    private static void Decode(string path, int size, Span<byte> destination)
    {
        try
        {
            ImageDecoder.Decode(File.ReadAllBytes(path), size, size, Limits, destination);
        }
        catch (Exception exception) when (exception is ImageFormatException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: {exception.Message}", exception);
        }
    }
}
