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

    [LoggerMessage(EventId = 7, EventName = "AccessRefused", Level = LogLevel.Warning, Message = "{Who:l} was refused: {Problem:l}")]
    public static partial void AccessRefused(ILogger logger, string who, string problem);

    [LoggerMessage(EventId = 8, EventName = "RefusalsNotLogged", Level = LogLevel.Warning, Message = "{Count} more were refused, of which nothing was logged")]
    public static partial void RefusalsNotLogged(ILogger logger, long count);

    [LoggerMessage(EventId = 9, EventName = "FileReloaded", Level = LogLevel.Information, Message = "{Setting:l} has changed and is in force")]
    public static partial void FileReloaded(ILogger logger, string setting);

    [LoggerMessage(EventId = 10, EventName = "FileRefused", Level = LogLevel.Error, Message = "{Setting:l} has changed and is refused, what was in force stays so: {Problem:l}")]
    public static partial void FileRefused(ILogger logger, string setting, string problem);

    [LoggerMessage(EventId = 11, EventName = "KeysInTheClear", Level = LogLevel.Warning, Message = "LCNet:ApiKeys is set without LCNet:TlsCertificate: whoever can listen on the way can read the keys")]
    public static partial void KeysInTheClear(ILogger logger);
}
