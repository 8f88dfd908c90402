using Grpc.AspNetCore.Server;
using LCNet.Server.Errors;
using LCNet.Server.Models;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Admission;

/// <summary>
/// Refuses calls for which no model has room before their request is read. Reading, parsing and an exception cost a multiple of that, and
/// what is spent on calls that are refused is taken from those that are served. What passes here is judged once more, by what it really asks for.
/// </summary>
internal sealed class LoadSheddingMiddleware(RequestDelegate next, ModelRegistry registry, IClientIdentity identity, ServerMetrics metrics)
{
    /// <summary>Guards what is marked <see cref="MeasuredAttribute"/>.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        EndpointMetadataCollection? endpoint = context.GetEndpoint()?.Metadata;
        if (endpoint?.GetMetadata<MeasuredAttribute>() is null
            || registry.Current is not { } models
            || (ApiKeyIdentity.KeyOf(context)?.Quota.CheckAny() ?? CheckAny(models, identity.Of(context))) is not { } refusal)
        {
            return next(context);
        }

        ServedModel? only = models.All.Count == 1 ? models.All[0] : null;
        metrics.Of(only).Refuse(refusal.Reason);
        if (only is not null)
        {
            RequestMeasurementMiddleware.Of(context).Begin(only);
        }

        var error = ServerError.Refused(refusal);
        if (endpoint.GetMetadata<GrpcMethodMetadata>() is null)
        {
            return HttpErrors.WriteAsync(context, error);
        }

        GrpcErrors.Write(context.Response, error);
        return Task.CompletedTask;
    }

    private static AdmissionRefusal? CheckAny(ModelCatalog models, string client)
    {
        AdmissionRefusal? soonest = null;
        foreach (ServedModel model in models.All)
        {
            if (model.Queue.CheckAny(client) is not { } refusal)
            {
                return null;
            }

            soonest = soonest is null || refusal.RetryAfter < soonest.RetryAfter ? refusal : soonest;
        }

        return soonest;
    }
}
