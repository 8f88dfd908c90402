using System.Diagnostics;
using Grpc.AspNetCore.Server;
using Grpc.Core;

namespace LCNet.Server;

/// <summary>
/// Counts and times the calls of methods marked <see cref="MeasuredAttribute"/>, those that fail before or after our code included. On the
/// span of every call it says what was called and how that ended.
/// </summary>
internal static class RequestMeasurement
{
    private static readonly object Model = new();

    /// <summary>Measures every call. Goes before what puts right the status of calls, <see cref="CallFailures.UseCallFailures"/>.</summary>
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

            long started = Stopwatch.GetTimestamp();
            try
            {
                await next(context).ConfigureAwait(false);
            }
            finally
            {
                StatusCode status = StatusOf(context);
                if (endpoint.GetMetadata<MeasuredAttribute>() is not null)
                {
                    End(context, metrics, status, Stopwatch.GetElapsedTime(started));
                }

                RequestSpan.End(call.Method.FullName, status);
            }
        });
    }

    /// <summary>Says which model a call is for.</summary>
    /// <returns><paramref name="model"/>.</returns>
    public static ModelMetrics Begin(ServerCallContext context, ModelMetrics model)
    {
        context.UserState[Model] = model;
        model.Begin();
        return model;
    }

    private static void End(HttpContext context, ServerMetrics metrics, StatusCode status, TimeSpan duration)
    {
        if (!context.Items.TryGetValue(Model, out object? item) || item is not ModelMetrics model)
        {
            model = metrics.Unknown;
            model.Begin();
        }

        model.End(status, duration);
    }

    private static StatusCode StatusOf(HttpContext context)
    {
        StatusCode status = CallFailures.StatusOf(context);

        // A caller that went away was told nothing.
        return status == StatusCode.Unknown && context.RequestAborted.IsCancellationRequested ? StatusCode.Cancelled : status;
    }
}
