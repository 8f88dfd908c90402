using Grpc.AspNetCore.Server;
using Grpc.Core;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// Refuses calls for which no model has room before their request is read. Reading, parsing and an exception cost a multiple of that, and
/// what is spent on calls that are refused is taken from those that are served. What passes here is judged once more, by what it really asks for.
/// </summary>
internal static class AdmissionDoor
{
    /// <summary>Guards the methods that are marked <see cref="MeasuredAttribute"/>. Goes after what measures calls and before what puts right their status.</summary>
    public static void UseAdmissionDoor(this WebApplication app)
    {
        Serving serving = app.Services.GetRequiredService<Serving>();
        IClientIdentity identity = app.Services.GetRequiredService<IClientIdentity>();
        ServerMetrics metrics = app.Services.GetRequiredService<ServerMetrics>();
        app.Use(next => context =>
        {
            EndpointMetadataCollection? endpoint = context.GetEndpoint()?.Metadata;
            if (endpoint?.GetMetadata<MeasuredAttribute>() is null || endpoint.GetMetadata<GrpcMethodMetadata>() is null || serving.Current is not { } models)
            {
                return next(context);
            }

            if ((AccessControl.KeyOf(context)?.Quota.Glance() ?? Glance(models, identity.Of(context))) is not { } refusal)
            {
                return next(context);
            }

            ServedModel? only = models.All.Count == 1 ? models.All[0] : null;
            metrics.Of(only).Refuse(refusal.Reason);
            if (only is not null)
            {
                RequestMeasurement.Of(context).Begin(only);
            }

            Write(context.Response, refusal);
            return Task.CompletedTask;
        });
    }

    private static AdmissionRefusal? Glance(ModelCatalog models, string client)
    {
        AdmissionRefusal? soonest = null;
        foreach (ServedModel model in models.All)
        {
            if (model.Queue.Glance(client) is not { } refusal)
            {
                return null;
            }

            soonest = soonest is null || refusal.RetryAfter < soonest.RetryAfter ? refusal : soonest;
        }

        return soonest;
    }

    private static void Write(HttpResponse response, AdmissionRefusal refusal)
    {
        StatusReply.Write(response, StatusCode.ResourceExhausted, RefusalTexts.Of(refusal));
        response.Headers[RefusalTexts.DetailsTrailer] = RefusalTexts.EncodeDetails(refusal);
        response.Headers[RefusalTexts.PushbackTrailer] = RefusalTexts.Pushback(refusal);
    }
}
