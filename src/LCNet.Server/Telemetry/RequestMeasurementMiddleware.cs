using System.Diagnostics;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using LCNet.Server.Errors;
using LCNet.Server.Models;
using LCNet.Server.Protocols.OpenInference;
using LCNet.V1;

namespace LCNet.Server.Telemetry;

/// <summary>
/// Counts and times the calls of methods marked <see cref="MeasuredAttribute"/>, those that fail before or after our code included. On the
/// span of every call it says what was called and how that ended.
/// </summary>
internal sealed class RequestMeasurementMiddleware(RequestDelegate next, ServerMetrics metrics)
{
    private static readonly object Request = new();

    /// <summary>Measures a call.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        EndpointMetadataCollection? endpoint = context.GetEndpoint()?.Metadata;
        GrpcMethodMetadata? call = endpoint?.GetMetadata<GrpcMethodMetadata>();
        bool isMeasured = endpoint?.GetMetadata<MeasuredAttribute>() is not null;
        if (call is null && !isMeasured)
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        MeasuredRequest? request = isMeasured ? new MeasuredRequest(metrics) : null;
        context.Items[Request] = request;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            StatusCode status = call is null ? HttpErrors.StatusOf(context) : StatusOf(context);
            request?.End(status);
            if (call is null)
            {
                RequestSpan.End(status);
            }
            else
            {
                RequestSpan.End(call.Method.FullName, status);
            }
        }
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

/// <summary>Marks a gRPC method, or as metadata an endpoint of the HTTP port, each of whose calls is one request to classify; <see cref="RequestMeasurementMiddleware"/> counts them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MeasuredAttribute : Attribute;

/// <summary>One request to classify, measured from its arrival to the end of its reply. Belongs to that request alone; not thread-safe.</summary>
internal sealed class MeasuredRequest(ServerMetrics metrics)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private ModelMetrics? _model;
    private InferenceCounters? _counters;

    /// <summary>Says which model it is for; without that it is for none that is served.</summary>
    public void Begin(ServedModel model)
    {
        _model = metrics.Of(model);
        _counters = model.Counters;
        _model.Begin();
    }

    /// <summary>Its image is answered. Call it after <see cref="Begin"/>.</summary>
    public void Answer(ClassifyResponse reply)
    {
        _model!.Answer(reply.Compute);
        _counters!.Answer(reply.Compute.QueueUs, reply.Compute.ExecuteUs);
        RequestSpan.Describe(reply);
    }

    /// <summary>Its images are answered. Call it after <see cref="Begin"/>.</summary>
    public void Answer(ServedModel model, InferRows rows)
    {
        _model!.Answer(rows);
        for (int row = 0; row < rows.Count; row++)
        {
            _counters!.Answer(rows.QueueUs[row], rows.ExecuteUs[row]);
        }

        RequestSpan.Describe(model, rows);
    }

    /// <summary>Takes down the end of the request.</summary>
    /// <param name="status">What its caller was told.</param>
    public void End(StatusCode status)
    {
        if (_model is null)
        {
            _model = metrics.Unknown;
            _model.Begin();
        }

        TimeSpan duration = Stopwatch.GetElapsedTime(_started);
        _model.End(status, duration);
        (status == StatusCode.OK ? _counters?.Succeeded : _counters?.Failed)?.Add(duration);
    }
}
