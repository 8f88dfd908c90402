using System.Net;

namespace LCNet.Server.Hosting;

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

    [LoggerMessage(EventId = 12, EventName = "ModelLoaded", Level = LogLevel.Information, Message = "Loaded {Model:l} on {Device:l} ({Executor:l}) from {Path:l}")]
    public static partial void ModelLoaded(ILogger logger, string model, string device, string executor, string path);

    [LoggerMessage(EventId = 13, EventName = "ModelUnloaded", Level = LogLevel.Information, Message = "Unloaded {Model:l}")]
    public static partial void ModelUnloaded(ILogger logger, string model);

    [LoggerMessage(EventId = 14, EventName = "ModelRefused", Level = LogLevel.Error, Message = "Not loaded, what is served stays as it is: {Problem:l}")]
    public static partial void ModelRefused(ILogger logger, string problem, Exception? exception);

    [LoggerMessage(EventId = 15, EventName = "ModelsUnreadable", Level = LogLevel.Error, Message = "The models' folder cannot be looked at, what is served stays as it is: {Problem:l}")]
    public static partial void ModelsUnreadable(ILogger logger, string problem);

    [LoggerMessage(EventId = 16, EventName = "DispatchFailed", Level = LogLevel.Error, Message = "{Model:l} failed on {Device:l}")]
    public static partial void DispatchFailed(ILogger logger, string model, string device, Exception exception);

    [LoggerMessage(EventId = 17, EventName = "DeviceFailed", Level = LogLevel.Critical, Message = "{Model:l} failed on {Device:l} time after time: the server is not ready until it runs again")]
    public static partial void DeviceFailed(ILogger logger, string model, string device);

    [LoggerMessage(EventId = 18, EventName = "DeviceRecovered", Level = LogLevel.Information, Message = "{Model:l} runs on {Device:l} again")]
    public static partial void DeviceRecovered(ILogger logger, string model, string device);

    [LoggerMessage(EventId = 19, EventName = "FellBack", Level = LogLevel.Error, Message = "Falling back from {Device:l} to the CPU: {Problem:l}")]
    public static partial void FellBack(ILogger logger, string device, string problem);

    [LoggerMessage(EventId = 20, EventName = "ExecutorFellBack", Level = LogLevel.Warning, Message = "{Model:l} runs in {Executor:l}, several times slower than the SIMD executor, which cannot run it: {Problem:l}")]
    public static partial void ExecutorFellBack(ILogger logger, string model, string executor, string problem);

    [LoggerMessage(EventId = 21, EventName = "ConnectionsFitted", Level = LogLevel.Warning, Message = "Each port takes {Connections} connections at most, not LCNet:MaxConnections, {Wanted}: this process may open {Files} files (ulimit -n)")]
    public static partial void ConnectionsFitted(ILogger logger, int connections, int wanted, int files);

    [LoggerMessage(EventId = 22, EventName = "ShadowFailed", Level = LogLevel.Warning, Message = "A shadow run of {Model:l} failed; its image had been answered")]
    public static partial void ShadowFailed(ILogger logger, string model, Exception exception);

    [LoggerMessage(EventId = 23, EventName = "EffortFloorChanged", Level = LogLevel.Warning, Message = "{Model:l}: the floor of effort goes from {Before} to {After}, so that {MinAgreement:P1} of the answers are the whole network's (LCNet:MinAgreement): answers differ {Ratio:F2} times as often as the calibration table says, at the new floor at most {Bound:P2} of them (95 %){Remark:l}")]
    public static partial void EffortFloorChanged(ILogger logger, string model, double before, double after, double minAgreement, double ratio, double bound, string remark);

    [LoggerMessage(EventId = 24, EventName = "NoAgreements", Level = LogLevel.Warning, Message = "LCNet:MinAgreement does nothing for {Model:l}, whose calibration table has no agreements: lcnet evaluate --calibrate adds them")]
    public static partial void NoAgreements(ILogger logger, string model);

    [LoggerMessage(EventId = 25, EventName = "EffortFloorSet", Message = "{Model:l}: the floor of effort is {Floor}, so that {MinAgreement:P1} of the answers are the whole network's (LCNet:MinAgreement): by the calibration table at most {Bound:P2} of them differ there (95 %){Remark:l}")]
    public static partial void EffortFloorSet(ILogger logger, LogLevel level, string model, double floor, double minAgreement, double bound, string remark);

    [LoggerMessage(EventId = 26, EventName = "GatesDoNotPay", Level = LogLevel.Warning, Message = "{Model:l} is slower on {Device:l} than its static network: {Images} random images at effort 1 take {Gated:F2} ms, all blocks and channels in one graph {Static:F2} ms")]
    public static partial void GatesDoNotPay(ILogger logger, string model, string device, int images, double gated, double @static);
}
