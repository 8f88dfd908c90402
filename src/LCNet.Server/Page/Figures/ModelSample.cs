namespace LCNet.Server;

/// <summary>What had been counted of one model at one moment, and how things stood then. Immutable.</summary>
/// <param name="Counts">As <see cref="TallyLayout"/> says; empty where the model was not there yet.</param>
/// <param name="Effort">Of requests that state none.</param>
/// <param name="InFlight">Requests that have begun and not ended.</param>
/// <param name="Waiting">Images that wait.</param>
internal sealed record ModelSample(long[] Counts, double Effort, int InFlight, int Waiting)
{
    /// <summary>What was counted between an earlier sample and this one.</summary>
    public long[] Since(ModelSample earlier)
    {
        long[] difference = [.. Counts];
        for (int place = 0; place < Math.Min(difference.Length, earlier.Counts.Length); place++)
        {
            difference[place] -= earlier.Counts[place];
        }

        return difference;
    }
}
