using System.Globalization;
using LCNet.Server.Shadows;

namespace LCNet.Server.Telemetry;

/// <summary>What is measured of the shadow runs of one model, all its versions together. Tags are made once. Thread-safe.</summary>
internal sealed class ShadowMetrics
{
    private const int Tenths = 10;
    private readonly ServerInstruments _instruments;

    // By tenths of effort, rounded, and in the first place those whose FLOPs had a cap.
    private readonly KeyValuePair<string, object?>[][] _modelAndEffort;
    private readonly KeyValuePair<string, object?>[][] _modelAndReason;

    /// <summary>Makes one that has measured nothing.</summary>
    /// <param name="model">The tag <c>model</c>.</param>
    public ShadowMetrics(ServerInstruments instruments, KeyValuePair<string, object?> model)
    {
        _instruments = instruments;
        _modelAndEffort = [.. Enumerable.Range(0, Tenths + 1).Select(tenths =>
            new[] { model, new KeyValuePair<string, object?>("effort", tenths == 0 ? "capped" : (tenths / (double)Tenths).ToString("0.0", CultureInfo.InvariantCulture)) })];
        _modelAndReason = [.. Enum.GetNames<ShadowDrop>().Select(reason => new[] { model, new KeyValuePair<string, object?>("reason", reason.ToLowerInvariant()) })];
    }

    /// <summary>Shows every counter, at 0.</summary>
    public void Show()
    {
        foreach (KeyValuePair<string, object?>[] effort in _modelAndEffort)
        {
            _instruments.ShadowImages.Add(0, effort);
            _instruments.ShadowAgreements.Add(0, effort);
        }

        foreach (KeyValuePair<string, object?>[] reason in _modelAndReason)
        {
            _instruments.ShadowDrops.Add(0, reason);
        }
    }

    /// <summary>An image was compared. In the span of its shadow run, which the measurements may then name.</summary>
    /// <param name="effort">That it was answered at; null where its FLOPs had a cap.</param>
    public void Add(double? effort, ShadowOutcome outcome)
    {
        KeyValuePair<string, object?>[] tags = _modelAndEffort[effort is double value ? Math.Clamp((int)Math.Round(value * Tenths), 1, Tenths) : 0];
        _instruments.ShadowImages.Add(1, tags);
        _instruments.ShadowDivergence.Record(outcome.Divergence, tags);
        if (outcome.Agrees)
        {
            _instruments.ShadowAgreements.Add(1, tags);
        }
        else
        {
            _instruments.ShadowDisagreement.Record(outcome.Confidence, tags);
        }
    }

    /// <summary>An image of the sample was not compared.</summary>
    public void Drop(ShadowDrop reason) => _instruments.ShadowDrops.Add(1, _modelAndReason[(int)reason]);
}
