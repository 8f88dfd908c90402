using Grpc.AspNetCore.Server;

namespace LCNet.Server.Admission;

/// <summary>
/// Refuses calls for which no model has room before their request is read. Reading, parsing and an exception cost a multiple of that, and
/// what is spent on calls that are refused is taken from those that are served. What passes here is judged once more, by what it really asks for.
/// </summary>
internal static class LoadShedding
{
    /// <summary>Guards the gRPC methods that are marked <see cref="MeasuredAttribute"/>.</summary>
    public static void UseLoadShedding(this WebApplication app)
    {
        ModelRegistry registry = app.Services.GetRequiredService<ModelRegistry>();
        IClientIdentity identity = app.Services.GetRequiredService<IClientIdentity>();
        ServerMetrics metrics = app.Services.GetRequiredService<ServerMetrics>();
        app.Use(next => context =>
        {
            EndpointMetadataCollection? endpoint = context.GetEndpoint()?.Metadata;
            if (endpoint?.GetMetadata<MeasuredAttribute>() is null
                || endpoint.GetMetadata<GrpcMethodMetadata>() is null
                || registry.Current is not { } models
                || (AccessControl.KeyOf(context)?.Quota.CheckAny() ?? CheckAny(models, identity.Of(context))) is not { } refusal)
            {
                return next(context);
            }

            ServedModel? only = models.All.Count == 1 ? models.All[0] : null;
            metrics.Of(only).Refuse(refusal.Reason);
            if (only is not null)
            {
                RequestMeasurement.Of(context).Begin(only);
            }

            GrpcErrors.Write(context.Response, ServerError.Refused(refusal));
            return Task.CompletedTask;
        });
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
