using System.Security.Cryptography;
using System.Text;

namespace LCNet.Training.Data;

/// <summary>A fixed, stratified split into training and validation images.</summary>
/// <param name="Training">Indices of the images to train on, ascending.</param>
/// <param name="Validation">Indices of the images to validate on, ascending.</param>
/// <param name="Digest">
/// SHA-256 of the validation images' hashes in ascending order, as lower-case hexadecimal: equal digests are splits that hold back the same pixels.
/// </param>
public sealed record Split(IReadOnlyList<int> Training, IReadOnlyList<int> Validation, string Digest)
{
    /// <summary>
    /// Takes the images with the lowest SHA-256 of their pixels as validation set, as many from each class. The split depends on nothing
    /// but the pixels, and images that are equal pixel for pixel never stand on both sides, whatever their names or labels.
    /// </summary>
    /// <param name="fraction">Share of each class for validation, in (0, 1); at least one image a class.</param>
    /// <exception cref="ArgumentException">The fraction is out of range, or a class would be left without training images.</exception>
    public static Split ByContent(ImageSet images, double fraction)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (!(fraction > 0 && fraction < 1))
        {
            throw new ArgumentException($"The validation fraction lies in (0, 1), not {fraction}.", nameof(fraction));
        }

        string[] hashes = [.. Enumerable.Range(0, images.Count).Select(i => images.Summary(i).Sha256)];
        var held = new HashSet<string>(StringComparer.Ordinal);
        foreach (IGrouping<int, int> group in Enumerable.Range(0, images.Count).GroupBy(images.Label))
        {
            string[] ordered = [.. group.Select(i => hashes[i]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            int count = Math.Max(1, (int)Math.Round(fraction * ordered.Length));
            if (count >= ordered.Length)
            {
                throw new ArgumentException($"Class {images.Classes[group.Key]} has {ordered.Length} distinct images: too few to hold {count} back.", nameof(images));
            }

            held.UnionWith(ordered[..count]);
        }

        ILookup<bool, int> sides = Enumerable.Range(0, images.Count).ToLookup(i => held.Contains(hashes[i]));

        // What another class holds back may be all that is left of a class with the same images.
        int lost = Enumerable.Range(0, images.Count).Select(images.Label).Except(sides[false].Select(images.Label)).FirstOrDefault(-1);
        if (lost >= 0)
        {
            throw new ArgumentException($"Class {images.Classes[lost]} shares so many images with others that none is left to train on.", nameof(images));
        }

        string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(held.Order(StringComparer.Ordinal)))));
        return new Split([.. sides[false]], [.. sides[true]], digest);
    }
}
