namespace LCNet.Bundles;

/// <summary>A function that is linear between given points and constant beyond them. Immutable and thread-safe; it allocates nothing when asked.</summary>
/// <param name="points">At least one, of x that never falls; of points of equal x the last one counts.</param>
internal sealed class LinearCurve(IEnumerable<(double X, double Y)> points)
{
    private readonly (double X, double Y)[] _points = [.. points];

    /// <summary>The value at a place.</summary>
    public double At(double x)
    {
        int above = 0;
        while (above < _points.Length && _points[above].X <= x)
        {
            above++;
        }

        if (above == 0 || above == _points.Length)
        {
            return _points[Math.Max(0, above - 1)].Y;
        }

        (double lowX, double lowY) = _points[above - 1];
        (double highX, double highY) = _points[above];
        return lowY + ((highY - lowY) * (x - lowX) / (highX - lowX));
    }
}
