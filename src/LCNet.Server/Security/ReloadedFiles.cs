using LCNet.Server.Configuration;
using LCNet.Server.Hosting;

namespace LCNet.Server.Security;

/// <summary>
/// What some files say, as of the last time that they were good: a change that is no good is logged and leaves everything as it was. It is tried again at every look, since
/// what is no good now may become so without a change: a certificate whose time has not come by this machine's clock. Files are compared by content, for how a mounted secret
/// changes is beyond the notifications of a file system. <see cref="Current"/> is thread-safe; one thread refreshes.
/// </summary>
internal sealed class ReloadedFiles<T> : IReloadable
    where T : class
{
    private readonly string _setting;
    private readonly string[] _paths;
    private readonly Func<byte[][], T?, T> _parse;
    private readonly ILogger _logger;
    private byte[][] _latest;
    private string? _refused;
    private T _current;

    /// <summary>Reads the files for the first time.</summary>
    /// <param name="setting">Name of the setting that names the files.</param>
    /// <param name="parse">Makes of their contents, and of the value so far, a new value, or throws a <see cref="SecurityFileException"/>.</param>
    /// <exception cref="ServerOptionsException">A file cannot be read or used.</exception>
    public ReloadedFiles(string setting, string[] paths, Func<byte[][], T?, T> parse, ILogger logger)
    {
        (_setting, _paths, _parse, _logger) = ($"{ServerOptions.Section}:{setting}", paths, parse, logger);
        try
        {
            _latest = Read();
            _current = parse(_latest, null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SecurityFileException)
        {
            throw new ServerOptionsException([$"{_setting}: {exception.Message}"]);
        }
    }

    /// <summary>The latest good value.</summary>
    public T Current => Volatile.Read(ref _current);

    /// <inheritdoc/>
    public void Refresh()
    {
        try
        {
            byte[][] contents = Read();
            if (!contents.Zip(_latest).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)))
            {
                Volatile.Write(ref _current, _parse(contents, _current));
                _latest = contents;
                Log.FileReloaded(_logger, _setting);
            }

            _refused = null;
        }
        catch (Exception exception) when (exception is SecurityFileException or IOException or UnauthorizedAccessException)
        {
            // Said once, however often it is tried.
            if (_refused != exception.Message)
            {
                _refused = exception.Message;
                Log.FileRefused(_logger, _setting, exception.Message);
            }
        }
    }

    private byte[][] Read() => [.. _paths.Select(File.ReadAllBytes)];
}

/// <summary>Something that was read from files which may change. Thread-safe.</summary>
internal interface IReloadable
{
    /// <summary>Reads the files again where they have changed. Never throws for what is in them.</summary>
    void Refresh();
}

/// <summary>Looks for changes of files with keys and certificates, every two seconds.</summary>
internal sealed class FileReloader(IEnumerable<IReloadable> files, ServerOptions options, ILogger<FileReloader> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.AsksForKey && !options.HasTls)
        {
            Log.KeysInTheClear(logger);
        }

        using var timer = new PeriodicTimer(Period);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                foreach (IReloadable file in files)
                {
                    file.Refresh();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }
}

/// <summary>A file of keys or certificates cannot be used. The message says why, and nothing of what the file holds.</summary>
internal sealed class SecurityFileException(string message) : Exception(message);
