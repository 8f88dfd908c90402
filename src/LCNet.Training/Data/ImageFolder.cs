namespace LCNet.Training.Data;

/// <summary>Reads a folder of images with one sub-folder a class.</summary>
public static class ImageFolder
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp", ".bmp"];

    /// <summary>How many bytes of decoded images are kept where nobody says: an eighth of the memory that this process may use, at most 1 GiB.</summary>
    public static long DefaultCacheBytes => Math.Min(1L << 30, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8);

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

    /// <summary>Opens the images of a folder: each is decoded once, to see that it can be, and again when it is asked for, unless there was room to keep it.</summary>
    /// <param name="size">Height and width of the result: other images are scaled so that their shorter side fits, then cropped at the centre.</param>
    /// <param name="cacheBytes">How many bytes of decoded images are kept at most.</param>
    /// <exception cref="InvalidDataException">The folder is not as expected, or files cannot be decoded; the message names all of them.</exception>
    public static ImageSet Open(string folder, int size, long cacheBytes)
    {
        (IReadOnlyList<string> classes, IReadOnlyList<(string Path, int Label)> files) = List(folder);
        return new ImageSet(new FilePixels([.. files.Select(file => file.Path)], size, cacheBytes), [.. files.Select(file => file.Label)], size, classes);
    }
}
