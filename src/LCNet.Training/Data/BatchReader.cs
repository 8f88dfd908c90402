using System.Buffers;
using LCNet.Imaging;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Data;

/// <summary>Makes batches of normalised images, on all cores. Thread-safe.</summary>
public sealed class BatchReader(ImageSet images, Normalisation normalisation)
{
    private const int ImagesEvaluated = 250;
    private const int FewestEvaluated = 16;
    private const int SmallSide = 64;

    private readonly (float Scale, float Offset)[] _lines = [.. normalisation.Mean.Zip(normalisation.Std, Pixels.Line)];

    /// <summary>How many images are evaluated at a time: fewer of large ones, so that what lies between layers fits in memory.</summary>
    internal int EvaluatedAtATime => (int)Math.Clamp(ImagesEvaluated * Math.Pow((double)SmallSide / images.Size, 2), FewestEvaluated, ImagesEvaluated);

    /// <summary>A batch of images and labels.</summary>
    /// <param name="epoch">Which epoch it is, from 0.</param>
    /// <param name="random">Source of the changes; the same state gives the same batch.</param>
    /// <returns>Images [N, 3, H, W] in channels-last memory order, and labels [N].</returns>
    /// <exception cref="InvalidDataException">A file cannot be read any more; the message names it.</exception>
    public (Tensor Images, Tensor Labels) Read(ReadOnlySpan<int> indices, Augmentation augmentation, int epoch, Random random)
    {
        ArgumentNullException.ThrowIfNull(augmentation);
        ArgumentNullException.ThrowIfNull(random);
        float[] values = [];
        Fill(indices.ToArray(), augmentation, epoch, random, ref values);
        return ToTensors(indices, values);
    }

    /// <summary>Fills a buffer with the values of a batch, without touching torch.</summary>
    /// <param name="epoch">Which epoch it is, from 0.</param>
    /// <param name="values">Takes N × size × size × 3 values; made anew where it has another length.</param>
    internal void Fill(int[] indices, Augmentation augmentation, int epoch, Random random, ref float[] values)
    {
        int length = images.Size * images.Size * 3;
        if (values.Length != indices.Length * length)
        {
            values = new float[indices.Length * length];
        }

        // Each image has a seed of its own, so that it does not matter which thread takes it.
        float[] buffer = values;
        int[] seeds = [.. indices.Select(_ => random.Next())];
        try
        {
            Parallel.For(0, indices.Length, i =>
            {
                bool mirror = augmentation.Flip && (Scramble(indices[i]) ^ (uint)epoch) % 2 == 1;
                Fill(indices[i], buffer.AsSpan(i * length, length), augmentation, mirror, new Random(seeds[i]));
            });
        }
        catch (AggregateException exception) when (exception.InnerException is InvalidDataException first)
        {
            throw new InvalidDataException(first.Message, first);
        }
    }

    /// <summary>Makes tensors of what <see cref="Fill(int[], Augmentation, int, Random, ref float[])"/> gave; they are copies.</summary>
    internal (Tensor Images, Tensor Labels) ToTensors(ReadOnlySpan<int> indices, float[] values)
    {
        long[] labels = new long[indices.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = images.Label(indices[i]);
        }

        using Tensor rows = tensor(values, indices.Length, images.Size, images.Size, 3);
        return (rows.permute(0, 3, 1, 2), tensor(labels));
    }

    // A bit of it is as good as random: neighbours in a folder are not mirrored in turns.
    private static uint Scramble(int index)
    {
        uint mixed = (uint)index * 0x9E3779B1;
        mixed = (mixed ^ (mixed >> 15)) * 0x85EBCA77;
        return mixed ^ (mixed >> 13);
    }

    private void Fill(int index, Span<float> destination, Augmentation augmentation, bool mirror, Random random)
    {
        if (augmentation.MinCropArea < 1)
        {
            byte[] rgb = ArrayPool<byte>.Shared.Rent(destination.Length);
            PhotoAugmentation.Draw(images.Whole(index), augmentation, mirror, images.Size, random, rgb.AsSpan(0, destination.Length));
            Normalise(rgb, destination);
            ArrayPool<byte>.Shared.Return(rgb);
        }
        else
        {
            Shift(images.Pixels(index), destination, augmentation.CropPadding, mirror, random);
        }

        if (augmentation.EraseProbability > 0 && random.NextDouble() < augmentation.EraseProbability)
        {
            Erase(destination, random);
        }
    }

    private void Normalise(ReadOnlySpan<byte> rgb, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            (float scale, float offset) = _lines[i % 3];
            destination[i] = (rgb[i] * scale) + offset;
        }
    }

    private void Shift(ReadOnlySpan<byte> source, Span<float> destination, int pad, bool mirror, Random random)
    {
        int size = images.Size;
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
