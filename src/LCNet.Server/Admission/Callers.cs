using Grpc.Core;

namespace LCNet.Server;

/// <summary>Says whose a call is. Thread-safe.</summary>
internal sealed class Callers(IClientIdentity identity, TimeProvider time)
{
    /// <summary>The caller of a gRPC call.</summary>
    public Caller Of(ServerCallContext context) => new(identity.Of(context.GetHttpContext()), Expires(context.Deadline), AccessControl.KeyOf(context.GetHttpContext()));

    /// <summary>The caller of an HTTP request, which has no deadline.</summary>
    public Caller Of(HttpContext context) => new(identity.Of(context), long.MaxValue, AccessControl.KeyOf(context));

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
