using LCNet.Bundles;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace LCNet.Training.Networks;

/// <summary>
/// A residual block whose branch and inner channels can be scaled and skipped image by image:
/// <c>relu(shortcut(x) + layer · last(channel · relu(first(x))))</c>, with the channel scale after every inner convolution.
/// </summary>
internal sealed class ResidualBlock : Module
{
    // oneDNN's gradient of a strided 1×1 convolution writes past its buffer where a channels-last input has fewer channels than a vector
    // register has lanes (seen with 1 to 7 channels on AVX2, libtorch 2.10). Such a projection gets its input plane after plane.
    private const int VectorLanes = 16;

    // Statistics of fewer are no statistics: a branch is not trained on them.
    private const int FewestImages = 4;

    private readonly ConvBn _first;
    private readonly ConvBn? _middle;
    private readonly ConvBn _last;
    private readonly ConvBn? _projection;

    public ResidualBlock(string name, BlockKind kind, BlockShape shape)
        : base(name)
    {
        Shape = shape;
        if (kind == BlockKind.Basic)
        {
            _first = new ConvBn("first", shape.InputChannels, shape.InnerChannels, 3, shape.Stride);
            _last = new ConvBn("last", shape.InnerChannels, shape.OutputChannels, 3);
        }
        else
        {
            _first = new ConvBn("first", shape.InputChannels, shape.InnerChannels, 1, shape.StridesFirst ? shape.Stride : 1);
            _middle = new ConvBn("middle", shape.InnerChannels, shape.InnerChannels, 3, shape.StridesFirst ? 1 : shape.Stride);
            _last = new ConvBn("last", shape.InnerChannels, shape.OutputChannels, 1);
        }

        if (!shape.IdentityShortcut)
        {
            _projection = new ConvBn("projection", shape.InputChannels, shape.OutputChannels, 1, shape.Stride);
        }

        _last.BeginAtZero();
        RegisterComponents();
    }

    public BlockShape Shape { get; }

    public ConvBn First => _first;

    public ConvBn? Middle => _middle;

    public ConvBn Last => _last;

    public ConvBn? Projection => _projection;

    public BlockFlops Flops => CountFlops(_middle is not null, Shape);

    /// <summary>FLOPs of a block from its shapes; see <see cref="BlockFlops"/> for the formula.</summary>
    public static BlockFlops CountFlops(bool bottleneck, BlockShape shape)
    {
        long pixels = (long)shape.OutputSize * shape.OutputSize;
        int firstSize = shape.StridesFirst ? shape.OutputSize : shape.InputSize;
        long firstPixels = (long)firstSize * firstSize;
        long shortcut = shape.IdentityShortcut ? 0 : 2 * pixels * shape.InputChannels * shape.OutputChannels;
        return bottleneck
            ? new BlockFlops(shortcut, (2 * firstPixels * shape.InputChannels) + (2 * pixels * shape.OutputChannels), 2 * 9 * pixels)
            : new BlockFlops(shortcut, 2 * 9 * pixels * (shape.InputChannels + shape.OutputChannels), 0);
    }

    /// <summary>Takes over another block with some of its inner channels.</summary>
    /// <param name="source">A block of the same shapes, inner channels aside.</param>
    public void CopyFrom(ResidualBlock source, Tensor channels)
    {
        _first.CopyFrom(source._first, channels, null);
        _middle?.CopyFrom(source._middle!, channels, channels);
        _last.CopyFrom(source._last, null, channels);
        _projection?.CopyFrom(source._projection!, null, null);
    }

    /// <summary>Rounds all weights as <see cref="ConvBn.RoundToHalf"/>.</summary>
    public void RoundToHalf()
    {
        foreach (ConvBn? layer in new[] { _first, _middle, _last, _projection })
        {
            layer?.RoundToHalf();
        }
    }

    /// <summary>Runs the block on a batch.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="layer">Scale of the branch of each image, [N], without a gradient; 0 skips the branch. Null runs it for every image.</param>
    /// <param name="channel">Scale of each inner channel of each image, [N, K]; null keeps all.</param>
    public Tensor Run(Tensor x, Tensor? layer, Tensor? channel)
    {
        Tensor shortcut = RunShortcut(x);
        if (layer is null)
        {
            return functional.relu(shortcut + RunBranch(x, channel), inplace: true);
        }

        // The branch sees the images that run it, as where the network is served, and costs what they cost.
        Tensor running = layer.nonzero().squeeze(1);
        long count = running.shape[0];
        if (count == 0 || (training && count < FewestImages))
        {
            return functional.relu(shortcut);
        }

        if (count < x.shape[0])
        {
            Tensor branch = RunBranch(Rows(x, running), channel?.index_select(0, running)) * Scales(layer, x).index_select(0, running);
            return functional.relu(FromRows(ToRows(shortcut).index_add(0, running, ToRows(branch), 1)), inplace: true);
        }

        return functional.relu(addcmul(shortcut, RunBranch(x, channel), Scales(layer, x), 1), inplace: true);
    }

    /// <summary>What leaves the block where it is skipped.</summary>
    public Tensor Skip(Tensor x) => functional.relu(RunShortcut(x));

    /// <summary>How much each inner channel adds to each image: its mean square behind the last ReLU × the squared norm of the weights that read it, [N, K].</summary>
    public Tensor ChannelEnergies(Tensor x)
    {
        Tensor h = RunInner(x, null);
        (Tensor weight, Tensor bias) = _last.Fold();
        bias.Dispose();
        return h.to_type(ScalarType.Float32).square().mean([2, 3]) * weight.square().sum([0, 2, 3]);
    }

    private Tensor RunShortcut(Tensor x) => _projection is null ? x : _projection.call(Strided(x));

    // What a strided 1×1 convolution reads.
    private Tensor Strided(Tensor x) => Shape.InputChannels < VectorLanes ? x.contiguous() : x;

    private Tensor RunBranch(Tensor x, Tensor? channel) => _last.call(RunInner(x, channel));

    // The inner channels, scaled, as the last convolution reads them.
    private Tensor RunInner(Tensor x, Tensor? channel)
    {
        Tensor? scale = channel?.reshape(channel.shape[0], channel.shape[1], 1, 1).to_type(x.dtype);
        Tensor h = Scale(functional.relu(_first.call(Shape.StridesFirst ? Strided(x) : x), inplace: true), scale);
        if (_middle is not null)
        {
            h = Scale(functional.relu(_middle.call(h), inplace: true), scale);
        }

        return h;
    }

    // Channels-last in memory before and after.
    private static Tensor Rows(Tensor x, Tensor indices) => FromRows(ToRows(x).index_select(0, indices));

    private static Tensor ToRows(Tensor x) => x.permute(0, 2, 3, 1);

    private static Tensor FromRows(Tensor rows) => rows.permute(0, 3, 1, 2);

    private static Tensor Scales(Tensor layer, Tensor x) => layer.to_type(x.dtype).reshape(-1, 1, 1, 1);

    private static Tensor Scale(Tensor x, Tensor? scale) => scale is null ? x : x * scale;
}
