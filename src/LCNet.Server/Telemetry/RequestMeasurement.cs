using Grpc.AspNetCore.Server;
using Grpc.Core;

namespace LCNet.Server;

/// <summary>
/// Counts and times the calls of methods marked <see cref="MeasuredAttribute"/>, those that fail before or after our code included. On the
/// span of every call it says what was called and how that ended.
/// </summary>
internal static class RequestMeasurement
{
    private static readonly object Request = new();

    /// <summary>Measures every call. Goes before what puts right the status of calls, <see cref="GrpcStatusMiddleware.UseGrpcStatus"/>.</summary>
    public static void UseRequestMeasurement(this WebApplication app)
    {
        ServerMetrics metrics = app.Services.GetRequiredService<ServerMetrics>();
        app.Use(next => async context =>
        {
            EndpointMetadataCollection? endpoint = context.GetEndpoint()?.Metadata;
            if (endpoint?.GetMetadata<GrpcMethodMetadata>() is not { } call)
            {
                await next(context).ConfigureAwait(false);
                return;
            }

            MeasuredRequest? request = endpoint.GetMetadata<MeasuredAttribute>() is null ? null : new MeasuredRequest(metrics);
            context.Items[Request] = request;
            try
            {
                await next(context).ConfigureAwait(false);
            }
            finally
            {
                StatusCode status = StatusOf(context);
                request?.End(status);
                RequestSpan.End(call.Method.FullName, status);
            }
        });
    }

    /// <summary>The request that a call is, of a method that is marked <see cref="MeasuredAttribute"/>.</summary>
    public static MeasuredRequest Of(ServerCallContext context) => (MeasuredRequest)context.UserState[Request];

    /// <summary>As <see cref="Of(ServerCallContext)"/>, before gRPC has the call.</summary>
    public static MeasuredRequest Of(HttpContext context) => (MeasuredRequest)context.Items[Request]!;

    private static StatusCode StatusOf(HttpContext context)
    {
        StatusCode status = GrpcStatusMiddleware.StatusOf(context);

        // A caller that went away was told nothing.
        return status == StatusCode.Unknown && context.RequestAborted.IsCancellationRequested ? StatusCode.Cancelled : status;
    }
}
