using Grpc.Core;
using LCNet.Server.Security;
using LCNet.Server.Security.Keys;

namespace LCNet.Server.Inference;

/// <summary>Whose a call is, and how long it may wait.</summary>
/// <param name="Client">From <see cref="IClientIdentity"/>.</param>
/// <param name="Expires">The deadline as a timestamp of the server's clock, which no change of the time of day moves; <see cref="long.MaxValue"/> for none.</param>
/// <param name="Key">The API key that it came with; null where none are asked for.</param>
internal readonly record struct Caller(string Client, long Expires, ApiKey? Key);

/// <summary>Says whose a call is. Thread-safe.</summary>
internal sealed class Callers(IClientIdentity identity, TimeProvider time)
{
    /// <summary>The caller of a gRPC call.</summary>
    public Caller Of(ServerCallContext context) => new(identity.Of(context.GetHttpContext()), Expires(context.Deadline), ApiKeyIdentity.KeyOf(context.GetHttpContext()));

    /// <summary>The caller of an HTTP request, which has no deadline.</summary>
    public Caller Of(HttpContext context) => new(identity.Of(context), long.MaxValue, ApiKeyIdentity.KeyOf(context));

    private long Expires(DateTime deadline)
    {
        if (deadline == DateTime.MaxValue)
        {
            return long.MaxValue;
        }

        double left = (deadline - time.GetUtcNow().UtcDateTime).TotalSeconds;
        return time.GetTimestamp() + (long)(left * time.TimestampFrequency);
    }
}
