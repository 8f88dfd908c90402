using System.Globalization;

namespace LCNet.Server;

/// <summary>
/// Fits the number of connections to the files that this process may have open. Each connection takes one, and a process that has none left cannot go on: .NET aborts it.
/// </summary>
internal static class DescriptorLimit
{
    // What the program itself has open, models that are loaded beside those that are served included.
    private const int Reserved = 320;

    private const string LimitsFile = "/proc/self/limits";
    private const string Line = "Max open files";

    /// <summary>Connections that each of the two ports may have.</summary>
    /// <param name="wanted">What the settings say.</param>
    /// <param name="files">Files that the process may have open; null where that is not known.</param>
    /// <returns>At least 1 and at most <paramref name="wanted"/>.</returns>
    public static int Fit(int wanted, int? files) => files is int limit ? Math.Clamp((limit - Reserved) / 2, 1, wanted) : wanted;

    /// <summary>Files that this process may have open, which .NET raises to the hard limit as it starts; null where the system does not say.</summary>
    public static int? Read()
    {
        try
        {
            return Parse(File.ReadLines(LimitsFile));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // "Max open files            1024                 1024                 files"; no number where there is no limit.
    private static int? Parse(IEnumerable<string> lines) =>
        lines.FirstOrDefault(line => line.StartsWith(Line, StringComparison.Ordinal)) is { } line
        && int.TryParse(line[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], NumberStyles.None, CultureInfo.InvariantCulture, out int files)
            ? files
            : null;
}
