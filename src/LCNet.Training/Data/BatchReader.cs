using LCNet.Imaging;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Data;

/// <summary>Which random changes are made to training images.</summary>
public sealed record Augmentation
{
    /// <summary>Pixels by which the image is padded, mirrored at its edges, before a crop of the original size is taken; 0 takes no crop.</summary>
    public int CropPadding { get; init; } = 3;

    /// <summary>
    /// Whether images are mirrored: half of them in the first epoch, the others in the second, and so on in turns, so that each is seen both ways as
    /// often (Jordan 2024, arXiv 2404.00498).
    /// </summary>
    public bool Flip { get; init; } = true;

    /// <summary>Share of images, in [0, 1], in which a square is erased.</summary>
    public double EraseProbability { get; init; }

    /// <summary>No change at all: for validation.</summary>
    public static Augmentation None { get; } = new() { CropPadding = 0, Flip = false };
}

/// <summary>Makes batches of normalised images. Not thread-safe: it reuses its buffer.</summary>
public sealed class BatchReader(ImageSet images, Normalisation normalisation)
{
    private readonly (float Scale, float Offset)[] _lines = [.. normalisation.Mean.Zip(normalisation.Std, Pixels.Line)];
    private float[] _buffer = [];

    /// <summary>A batch of images and labels.</summary>
    /// <param name="indices">Which images.</param>
    /// <param name="augmentation">What to change.</param>
    /// <param name="epoch">Which epoch it is, from 0.</param>
    /// <param name="random">Source of the changes; the same state gives the same batch.</param>
    /// <returns>Images [N, 3, H, W] in channels-last memory order, and labels [N].</returns>
    public (Tensor Images, Tensor Labels) Read(ReadOnlySpan<int> indices, Augmentation augmentation, int epoch, Random random)
    {
        ArgumentNullException.ThrowIfNull(augmentation);
        ArgumentNullException.ThrowIfNull(random);
        int size = images.Size;
        int length = size * size * 3;
        if (_buffer.Length != indices.Length * length)
        {
            _buffer = new float[indices.Length * length];
        }

        long[] labels = new long[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            labels[i] = images.Label(indices[i]);
            bool mirror = augmentation.Flip && (Scramble(indices[i]) ^ (uint)epoch) % 2 == 1;
            Fill(images.Pixels(indices[i]), _buffer.AsSpan(i * length, length), augmentation, mirror, random);
        }

        using Tensor rows = tensor(_buffer, indices.Length, size, size, 3);
        return (rows.permute(0, 3, 1, 2), tensor(labels));
    }

    // A bit of it is as good as random: neighbours in a folder are not mirrored in turns.
    private static uint Scramble(int index)
    {
        uint mixed = (uint)index * 0x9E3779B1;
        mixed = (mixed ^ (mixed >> 15)) * 0x85EBCA77;
        return mixed ^ (mixed >> 13);
    }

    private void Fill(ReadOnlySpan<byte> source, Span<float> destination, Augmentation augmentation, bool mirror, Random random)
    {
        int size = images.Size;
        int pad = augmentation.CropPadding;
        int shiftX = pad > 0 ? random.Next((2 * pad) + 1) - pad : 0;
        int shiftY = pad > 0 ? random.Next((2 * pad) + 1) - pad : 0;
        for (int y = 0; y < size; y++)
        {
            int row = Inside(y + shiftY, size) * size;
            for (int x = 0; x < size; x++)
            {
                int from = (row + Inside((mirror ? size - 1 - x : x) + shiftX, size)) * 3;
                int to = ((y * size) + x) * 3;
                for (int c = 0; c < 3; c++)
                {
                    destination[to + c] = (source[from + c] * _lines[c].Scale) + _lines[c].Offset;
                }
            }
        }

        if (augmentation.EraseProbability > 0 && random.NextDouble() < augmentation.EraseProbability)
        {
            Erase(destination, random);
        }
    }

    // Beyond an edge the image goes on mirrored.
    private static int Inside(int at, int size)
    {
        int last = size - 1;
        return Math.Clamp(at < 0 ? -at : at > last ? last + last - at : at, 0, last);
    }

    private void Erase(Span<float> image, Random random)
    {
        int size = images.Size;
        int side = random.Next(Math.Max(1, size / 8), Math.Max(2, size / 2));
        int left = random.Next(size - side + 1);
        int top = random.Next(size - side + 1);
        for (int y = top; y < top + side; y++)
        {
            image.Slice(((y * size) + left) * 3, side * 3).Clear();
        }
    }
}
