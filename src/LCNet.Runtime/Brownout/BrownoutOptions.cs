namespace LCNet.Runtime;

/// <summary>How effort gives way to load. Immutable.</summary>
public sealed record BrownoutOptions
{
    /// <summary>Effort while nothing is in the way, in (0, 1].</summary>
    public double Effort { get; init; } = 1;

    /// <summary>Least effort, in (0, 1]; below the lowest effort of the calibration table it is that.</summary>
    public double LeastEffort { get; init; } = double.Epsilon;

    /// <summary>The queueing delay that is not to be passed, above zero. Effort begins to fall at <see cref="BrownoutController.Target"/> of it.</summary>
    public TimeSpan Objective { get; init; } = TimeSpan.FromSeconds(1);
}
