namespace LCNet.Training.Data;

/// <summary>Which random changes are made to training images.</summary>
public sealed record Augmentation
{
    /// <summary>
    /// Pixels by which the image is padded, mirrored at its edges, before a crop of the original size is taken; 0 takes no crop. Without a meaning where
    /// <see cref="MinCropArea"/> is below 1.
    /// </summary>
    public int CropPadding { get; init; } = 3;

    /// <summary>
    /// Below 1, each image is a random part of the whole photo, which covers at least this share of its area, has sides of a ratio between 3:4 and 4:3, and is scaled to
    /// the input (Szegedy et al. 2015, arXiv 1409.4842; torchvision's RandomResizedCrop). In (0, 1].
    /// </summary>
    public double MinCropArea { get; init; } = 1;

    /// <summary>
    /// Brightness, contrast and saturation are each multiplied by a random factor between 1 less this and 1 plus this, in [0, 1); 0 changes no colour. Only where
    /// <see cref="MinCropArea"/> is below 1.
    /// </summary>
    public double ColourJitter { get; init; }

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
