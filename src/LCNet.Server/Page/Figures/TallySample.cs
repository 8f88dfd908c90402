namespace LCNet.Server;

/// <summary>What had been counted at one moment. Immutable.</summary>
/// <param name="Timestamp">Of the time provider.</param>
/// <param name="Models">Of each model by name, laid out as <see cref="TallyLayout"/> says; of <see cref="ServerMetrics.UnknownModel"/> too.</param>
internal sealed record TallySample(long Timestamp, IReadOnlyDictionary<string, ModelSample> Models)
{
    private static readonly ModelSample Empty = new([], 0, 0, 0);

    /// <summary>Of one model; nothing at all where it was not there yet.</summary>
    public ModelSample Of(string model) => Models.GetValueOrDefault(model, Empty);
}
