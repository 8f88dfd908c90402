using System.Globalization;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Training.Data;

namespace LCNet.Cli;

/// <summary>Labelled images from where a user says they are.</summary>
internal static class DataSource
{
    /// <summary>Name of the recipe's entry that says which share of each class was held back for validation.</summary>
    public const string ValidationFraction = "validation_fraction";

    /// <summary>Opens CIFAR-10's binary format where a folder holds it, else a folder of images with one sub-folder a class.</summary>
    /// <exception cref="InvalidDataException">The folder holds neither; the message names it.</exception>
    public static ImageSet Open(string folder, int size)
    {
        RequireFolder(folder);
        if (!CifarBinary.IsPresent(folder))
        {
            return ImageFolder.Open(folder, size, ImageFolder.DefaultCacheBytes);
        }

        ImageSet images = CifarBinary.Read(folder);
        return images.Size == size ? images : throw new InvalidDataException($"{folder}: CIFAR images have {images.Size} pixels, not {size}.");
    }

    /// <summary>How many images a folder holds, from names and lengths alone.</summary>
    /// <exception cref="InvalidDataException">The folder holds none; the message names it.</exception>
    public static int Count(string folder)
    {
        RequireFolder(folder);
        return CifarBinary.IsPresent(folder) ? CifarBinary.Count(folder) : ImageFolder.List(folder).Files.Count;
    }

    /// <summary>Images as a network takes them: 3 × height × width normalised values each.</summary>
    /// <param name="images">Of the size that the network takes.</param>
    /// <param name="input">What the network takes.</param>
    public static float[][] Inputs(ImageSet images, IEnumerable<int> indices, InputSpec input) => [.. indices.Select(index =>
    {
        float[] values = new float[input.Length];
        Pixels.Normalise(images.Pixels(index), input.Mean, input.Std, values);
        return values;
    })];

    /// <summary>The share of each class that a bundle's training held back.</summary>
    /// <exception cref="InvalidDataException">The bundle does not say.</exception>
    public static double HeldBack(BundleManifest manifest) =>
        manifest.Provenance.Recipe.TryGetValue(ValidationFraction, out string? text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double fraction)
            ? fraction
            : throw new InvalidDataException($"{manifest.Model}/{manifest.Version}: its recipe has no {ValidationFraction}, so its validation split is unknown.");

    private static void RequireFolder(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new InvalidDataException($"{folder}: there is no such folder.");
        }
    }
}
