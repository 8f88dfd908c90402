using Grpc.Core;

namespace LCNet.Cli.Load;

/// <summary>Sends requests of one kind. Thread-safe.</summary>
internal interface ILoadCalls
{
    /// <summary>Sends a request and waits for its end.</summary>
    /// <param name="number">Which one, from 0: connections take turns, and after the last image comes the first again.</param>
    /// <param name="options">Its deadline and cancellation.</param>
    Task<LoadAnswer> SendAsync(int number, CallOptions options);
}
