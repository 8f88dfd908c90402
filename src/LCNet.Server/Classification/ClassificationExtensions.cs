namespace LCNet.Server;

/// <summary>Adds the services <c>lcnet.v1.Classifier</c> and <c>inference.GRPCInferenceService</c>, and server reflection.</summary>
internal static class ClassificationExtensions
{
    /// <summary>Adds what the services need.</summary>
    public static IServiceCollection AddClassification(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<Callers>();
        services.AddSingleton<ImageReader>();
        services.AddSingleton<DispatchFailures>();
        services.AddSingleton<ImageClassifier>();
        services.AddSingleton<CallDrain>();
        services.AddHostedService(provider => provider.GetRequiredService<CallDrain>());
        services.AddSingleton<ClassifyStreams>();
        services.AddSingleton<ClassifierService>();
        services.AddSingleton<OpenInferenceService>();
        services.AddSingleton<RefusalInterceptor>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.RequestLimit;
            grpc.Interceptors.Add<RefusalInterceptor>();
        });
        services.AddGrpcReflection();
        return services;
    }

    /// <summary>Maps the services and server reflection.</summary>
    public static void MapClassification(this WebApplication app)
    {
        app.UseCallDrain();
        app.UseAdmissionDoor();
        app.UseReceiveBudget();
        app.UseCallFailures();
        app.MapGrpcService<ClassifierService>();
        app.MapGrpcService<OpenInferenceService>();
        app.MapGrpcReflectionService();
    }

    // ClassifyStream counts itself.
    private static void UseCallDrain(this WebApplication app)
    {
        CallDrain drain = app.Services.GetRequiredService<CallDrain>();
        app.Use(next => async context =>
        {
            if (context.GetEndpoint()?.Metadata.GetMetadata<MeasuredAttribute>() is null)
            {
                await next(context).ConfigureAwait(false);
                return;
            }

            drain.Begin();
            try
            {
                await next(context).ConfigureAwait(false);
            }
            finally
            {
                drain.End();
            }
        });
    }
}
