using LCNet.Bundles;

namespace LCNet.Runtime.Batching;

/// <summary>
/// What each image of a batch is billed for the dispatches that it shared. In a dispatch every row is computed with the same channels, so each image pays
/// its own row at the dispatch's channels. Rows that pad the dispatch belong to nobody: the images of the dispatch share them equally, except that nobody
/// pays beyond his cap. The bills of a batch add up to what was dispatched. It allocates nothing after it was made. Not thread-safe.
/// </summary>
/// <remarks>
/// An image's <em>slack</em> is what it may still be billed beyond its own plan: its cap less the most that its plan can yet come to and less what it was
/// billed beyond it so far. It is 0 for an image whose cap may bind, as the plan must not depend on the company that the image keeps.
/// </remarks>
internal sealed class FlopsBill
{
    /// <summary>Slack of an image without a cap: more than any dispatch costs, little enough to add up.</summary>
    public const long Unlimited = long.MaxValue / 4096;

    private readonly long[] _caps;
    private readonly long[] _executed;
    private readonly long[] _extra;
    private readonly long[] _slack;

    /// <summary>Makes a bill.</summary>
    /// <param name="maxImages">Most images of a batch, 1 to 1024.</param>
    public FlopsBill(int maxImages)
    {
        _caps = new long[maxImages];
        _executed = new long[maxImages];
        _extra = new long[maxImages];
        _slack = new long[maxImages];
    }

    /// <summary>Begins the bill of an image.</summary>
    /// <param name="image">Its place in the batch.</param>
    /// <param name="cap">Most FLOPs; <see cref="Planner.NoCap"/> for none.</param>
    public void Begin(int image, long cap)
    {
        _caps[image] = cap;
        _executed[image] = 0;
        _extra[image] = 0;
        _slack[image] = 0;
    }

    /// <summary>Says what the image's whole plan can yet come to without its cap.</summary>
    /// <param name="image">Its place in the batch.</param>
    /// <param name="most">FLOPs of what is decided, and of everything that is not.</param>
    public void Expect(int image, long most) =>
        _slack[image] = _caps[image] == Planner.NoCap
            ? Unlimited
            : Math.Clamp(_caps[image] - _extra[image] - most, 0, Unlimited);

    /// <summary>What the image may still be billed beyond its plan.</summary>
    public long Slack(int image) => _slack[image];

    /// <summary>What the image has been billed.</summary>
    public long Executed(int image) => _executed[image];

    /// <summary>Bills a dispatch.</summary>
    /// <param name="images">Those that share it, at least one.</param>
    /// <param name="rows">Rows that are computed, at least one an image.</param>
    /// <param name="flops">Of one row.</param>
    /// <param name="planned">What the plan of each image has for it, in the order of <paramref name="images"/>; empty where that is <paramref name="flops"/>.</param>
    /// <remarks>The caller has made sure that each image's slack covers the difference to its plan, and all slacks together the padding.</remarks>
    public void Charge(ReadOnlySpan<int> images, int rows, long flops, ReadOnlySpan<long> planned)
    {
        for (int i = 0; i < images.Length; i++)
        {
            _executed[images[i]] += flops;
            if (!planned.IsEmpty)
            {
                Overcharge(images[i], flops - planned[i]);
            }
        }

        long padding = (rows - images.Length) * flops;
        while (padding > 0)
        {
            int payers = 0;
            foreach (int image in images)
            {
                payers += _slack[image] > 0 ? 1 : 0;
            }

            if (payers == 0)
            {
                throw new InvalidOperationException($"{padding} FLOPs of padding are beyond every image's cap.");
            }

            long part = Math.Max(1, padding / payers);
            foreach (int image in images)
            {
                long pays = Math.Min(part, Math.Min(padding, _slack[image]));
                _executed[image] += pays;
                Overcharge(image, pays);
                padding -= pays;
            }
        }
    }

    private void Overcharge(int image, long flops)
    {
        if (flops > _slack[image])
        {
            throw new InvalidOperationException($"Image {image} would pay {flops} FLOPs beyond its plan, its cap allows {_slack[image]}.");
        }

        _extra[image] += flops;
        _slack[image] -= _caps[image] == Planner.NoCap ? 0 : flops;
    }
}
