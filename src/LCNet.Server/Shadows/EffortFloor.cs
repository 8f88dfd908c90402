using LCNet.Bundles;

namespace LCNet.Server.Shadows;

/// <summary>
/// The least effort at which answers agree with the whole network as often as an operator asks for (<c>MinAgreement</c>), by the calibration table and by what shadow runs find. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>
/// What live traffic does to a model is one number: how many times as often answers disagree as the table says at their efforts. It does not depend on the floor, so the floor does not chase what it causes itself.
/// Its estimate is a gamma distribution, which begins as if <see cref="Prior"/> disagreements had been seen where the table expects as many, and forgets: the latest four thousand images or so count.
/// </para>
/// <para>
/// The floor is the lowest effort of the table at which the 95 % upper bound of live disagreement fits; the highest where none does. It rises as soon as that does not hold. It falls by one point, once the bound would fit there with
/// room to spare and <see cref="Patience"/> images have gone by since the latest change. Where it has to rise again before as many more have gone by, the next wait is four times as long, so that it settles.
/// </para>
/// </remarks>
internal sealed class EffortFloor
{
    /// <summary>Disagreements that the table is worth.</summary>
    public const double Prior = 30;

    /// <summary>Images after a change before the floor may fall.</summary>
    public const int Patience = 1000;

    private const double Kept = 1 - (1.0 / 4000);
    private const double Room = 0.9;

    // One-sided, 95 %.
    private const double Z = 1.644854;

    private readonly IReadOnlyList<CalibrationPoint> _table;
    private readonly double _most;
    private double _seen;
    private double _expected;
    private int _place;
    private long _sinceChange;
    private long _wait = Patience;
    private bool _hasFallen;

    /// <summary>Makes a floor where the table puts it.</summary>
    /// <param name="table">By ascending effort; each point has an agreement.</param>
    /// <param name="minAgreement">In (0, 1).</param>
    public EffortFloor(IReadOnlyList<CalibrationPoint> table, double minAgreement)
    {
        (_table, _most) = (table, 1 - minAgreement);
        _place = Lowest();
    }

    /// <summary>The floor, an effort of the table.</summary>
    public double Effort => _table[_place].Effort;

    /// <summary>Whether not even the highest effort agrees as often as is asked for, so far as is known.</summary>
    public bool IsOutOfReach => Bound(_table.Count - 1) > _most;

    /// <summary>How many times as often answers disagree as the table says: the estimate.</summary>
    public double Ratio => (Prior + _seen) / (Prior + _expected);

    /// <summary>Upper bound of live disagreement at the floor, 95 %, in [0, 1].</summary>
    public double DisagreementBound => Bound(_place);

    /// <summary>Takes in an image.</summary>
    /// <param name="expected">Agreement by the table at the image's effort, in [0, 1].</param>
    /// <returns>Whether <see cref="Effort"/> has changed.</returns>
    public bool Add(bool agrees, double expected)
    {
        _seen = (_seen * Kept) + (agrees ? 0 : 1);
        _expected = (_expected * Kept) + (1 - expected);
        _sinceChange++;
        if (Bound(_place) > _most)
        {
            return Move(Lowest());
        }

        return _place > 0 && _sinceChange >= _wait && Bound(_place - 1) <= Room * _most && Move(_place - 1);
    }

    private bool Move(int place)
    {
        if (place == _place)
        {
            return false;
        }

        bool falls = place < _place;
        if (_hasFallen)
        {
            _wait = !falls && _sinceChange < _wait ? Math.Min(4 * _wait, int.MaxValue) : Patience;
        }

        (_hasFallen, _place, _sinceChange) = (falls, place, 0);
        return true;
    }

    private int Lowest()
    {
        int place = 0;
        while (place < _table.Count - 1 && Bound(place) > _most)
        {
            place++;
        }

        return place;
    }

    // The quantile of a gamma distribution of that shape, by E. B. Wilson and M. M. Hilferty, "The distribution of chi-square" (PNAS 1931), over its rate.
    private double Bound(int place)
    {
        double shape = Prior + _seen;
        double quantile = shape * Math.Pow(1 - (1 / (9 * shape)) + (Z / (3 * Math.Sqrt(shape))), 3);
        return Math.Min(1, (1 - _table[place].Agreement!.Value) * quantile / (Prior + _expected));
    }
}
