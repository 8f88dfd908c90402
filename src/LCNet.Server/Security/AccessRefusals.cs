using LCNet.Server.Hosting;
using LCNet.Server.Security.Keys;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Security;

/// <summary>
/// Counts and logs who was turned away. Strangers decide how often that is, so no more than ten lines a second are written; what is left out is counted. A line has an
/// address, a key's name or a certificate's subject, never a key. Thread-safe.
/// </summary>
internal sealed class AccessRefusals(ServerMetrics metrics, TimeProvider time, ILogger<AccessRefusals> logger)
{
    private const double LinesPerSecond = 10;
    private const int LongestText = 128;
    private readonly Lock _lock = new();
    private readonly RateBucket _lines = new(time);
    private long _unlogged;

    /// <summary>Takes down a refusal.</summary>
    /// <param name="remote">Address and port that it came from; null where there is none.</param>
    /// <param name="text">What the log says; what a stranger can choose of it is cleaned.</param>
    public void Add(AccessProblem problem, string? remote, string text)
    {
        metrics.RefuseAccess(problem);
        Write(remote ?? "unknown", text);
    }

    /// <summary>A stranger's text as one short line of printable characters.</summary>
    public static string Clean(string text)
    {
        string cut = text.Length <= LongestText ? text : text[..LongestText];
        return string.Concat(cut.Select(character => character is >= ' ' and <= '~' ? character : '?'));
    }

    private void Write(string who, string text)
    {
        long unlogged;
        lock (_lock)
        {
            if (!_lines.TryTake(LinesPerSecond, 1))
            {
                _unlogged++;
                return;
            }

            (unlogged, _unlogged) = (_unlogged, 0);
        }

        Log.AccessRefused(logger, who, text);
        if (unlogged > 0)
        {
            Log.RefusalsNotLogged(logger, unlogged);
        }
    }
}
