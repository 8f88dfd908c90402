using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LCNet.Server.Tests;

/// <summary>Keeps everything that is logged, whatever its level, with its exceptions.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> All { get; } = new();

    /// <summary>Lines of an event.</summary>
    public string[] Of(string eventName) => [.. All.Where(line => line.StartsWith($"{eventName}: ", StringComparison.Ordinal))];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        All.Enqueue($"{eventId.Name}: {formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}
