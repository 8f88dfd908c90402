using System.ComponentModel;
using System.Diagnostics;

namespace LCNet.Cli.Load;

/// <summary>Looks at the memory of a process once a second. Thread-safe.</summary>
internal sealed class MemoryWatch : IDisposable
{
    private readonly Process? _process;
    private readonly List<double> _mebibytes = [];
    private readonly Timer _timer;

    /// <summary>Begins to look; a process that is gone, or goes meanwhile, gives no figures.</summary>
    public MemoryWatch(int process)
    {
        _process = Find(process);
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
    public void Dispose()
    {
        _timer.Dispose();
        lock (_mebibytes)
        {
            _process?.Dispose();
        }
    }

    private static Process? Find(int process)
    {
        try
        {
            return Process.GetProcessById(process);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private void Look()
    {
        try
        {
            lock (_mebibytes)
            {
                _process?.Refresh();
                if (_process?.WorkingSet64 is { } bytes and > 0)
                {
                    _mebibytes.Add(bytes / 1048576.0);
                }
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // It is gone: the requests' statuses say so.
        }
    }
}
