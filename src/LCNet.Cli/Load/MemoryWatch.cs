using System.Globalization;

namespace LCNet.Cli.Load;

/// <summary>Looks at the memory of a process once a second, where the system has <c>/proc</c>.</summary>
internal sealed class MemoryWatch : IDisposable
{
    private const string Field = "VmRSS:";
    private readonly string _file;
    private readonly List<double> _mebibytes = [];
    private readonly Timer _timer;

    /// <summary>Begins to look.</summary>
    public MemoryWatch(int process)
    {
        _file = $"/proc/{process}/status";
        _timer = new Timer(_ => Look(), null, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    /// <summary>Resident memory in MiB, once a second since the watch began.</summary>
    public double[] Mebibytes
    {
        get
        {
            lock (_mebibytes)
            {
                return [.. _mebibytes];
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        try
        {
            string line = File.ReadLines(_file).First(text => text.StartsWith(Field, StringComparison.Ordinal));
            double kibibytes = double.Parse(line[Field.Length..].Replace("kB", string.Empty, StringComparison.Ordinal), CultureInfo.InvariantCulture);
            lock (_mebibytes)
            {
                _mebibytes.Add(kibibytes / 1024);
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or UnauthorizedAccessException)
        {
            // It is gone: the requests' statuses say so.
        }
    }
}
