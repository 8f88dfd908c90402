using Grpc.Core;

namespace LCNet.Cli.Load;

/// <summary>Sends requests of one kind. Thread-safe.</summary>
internal interface ILoadCalls
{
    /// <summary>Sends a request and waits for its end.</summary>
    /// <param name="channel">Where to.</param>
    /// <param name="number">Which one, from 0; after the last image comes the first again.</param>
    /// <param name="options">Its deadline and cancellation.</param>
    Task<LoadAnswer> SendAsync(CallInvoker channel, int number, CallOptions options);
}
