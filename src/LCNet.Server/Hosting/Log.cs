using System.Net;

namespace LCNet.Server;

/// <summary>Everything that the server logs.</summary>
internal static partial class Log
{
    [LoggerMessage(EventId = 1, EventName = "Serving", Level = LogLevel.Information, Message = "Serving {Models:l} on {Device:l}; gRPC on {Grpc}, HTTP on {Http}")]
    public static partial void Serving(ILogger logger, string models, string device, IPEndPoint grpc, IPEndPoint http);

    [LoggerMessage(EventId = 2, EventName = "Draining", Level = LogLevel.Information, Message = "Draining: new calls are refused, those in flight finish")]
    public static partial void Draining(ILogger logger);

    [LoggerMessage(EventId = 3, EventName = "Stopped", Level = LogLevel.Information, Message = "Stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(EventId = 4, EventName = "StartRefused", Level = LogLevel.Critical, Message = "{Problem:l}")]
    public static partial void StartRefused(ILogger logger, string problem);

    [LoggerMessage(EventId = 5, EventName = "Failed", Level = LogLevel.Critical, Message = "The server failed")]
    public static partial void Failed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 6, EventName = "CallFailed", Level = LogLevel.Error, Message = "{Method:l} failed")]
    public static partial void CallFailed(ILogger logger, string method, Exception? exception);
}
