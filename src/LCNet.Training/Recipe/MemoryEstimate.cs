using LCNet.Training.Networks;

namespace LCNet.Training.Recipe;

/// <summary>What a training takes of memory and disk, estimated from its shapes alone.</summary>
public static class MemoryEstimate
{
    // Weights, gradients, momentum, moving average, and what is computed of them in passing.
    private const int WeightCopies = 5;
    private const int CheckpointCopies = 3;
    private const long Runtime = 400L << 20;

    /// <summary>Bytes that training steps take, those of decoded images aside.</summary>
    public static long Step(TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ResNetSpec spec = options.Architecture(classes: 1);
        long values = 3L * spec.InputSize * spec.InputSize;

        // Each convolution's output, and what batch norm makes of it; then the sum with the shortcut.
        int stem = spec.Stem == StemKind.Cifar ? spec.InputSize : (spec.InputSize + 1) / 2;
        values += 2L * stem * stem * spec.Width;
        foreach (BlockShape shape in spec.Blocks())
        {
            long pixels = (long)shape.OutputSize * shape.OutputSize;
            long inner = spec.Kind == BlockKind.Bottleneck ? (pixels + ((long)shape.InputSize * shape.InputSize)) * shape.InnerChannels : pixels * shape.InnerChannels;
            values += (2 * inner) + (pixels * shape.OutputChannels * (shape.IdentityShortcut ? 3 : 5));
        }

        int bytes = options.Precision == Precision.Mixed ? sizeof(short) : sizeof(float);
        return Runtime + (options.BatchSize * values * bytes) + (WeightCopies * Weights(spec));
    }

    /// <summary>Bytes on disk that the checkpoints of a training take.</summary>
    public static long Checkpoints(TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);

        // One of the dense phase and the latest, and that again while it is replaced.
        return 3 * CheckpointCopies * Weights(options.Architecture(classes: 1));
    }

    private static long Weights(ResNetSpec spec) => sizeof(float) * spec.Blocks().Sum(shape =>
        (long)(spec.Kind == BlockKind.Bottleneck
            ? ((shape.InputChannels + shape.OutputChannels) * shape.InnerChannels) + (9 * shape.InnerChannels * shape.InnerChannels)
            : 9 * (shape.InputChannels + shape.OutputChannels) * shape.InnerChannels)
        + (shape.IdentityShortcut ? 0 : shape.InputChannels * shape.OutputChannels));
}
