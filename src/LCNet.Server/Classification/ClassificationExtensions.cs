namespace LCNet.Server;

/// <summary>Adds the service <c>lcnet.v1.Classifier</c> and server reflection.</summary>
internal static class ClassificationExtensions
{
    /// <summary>Adds what the service needs.</summary>
    public static IServiceCollection AddClassification(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<ImageReader>();
        services.AddSingleton<ClassifierService>();
        services.AddSingleton<RefusalInterceptor>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.RequestLimit;
            grpc.Interceptors.Add<RefusalInterceptor>();
        });
        services.AddGrpcReflection();
        return services;
    }

    /// <summary>Maps the service and server reflection.</summary>
    public static void MapClassification(this WebApplication app)
    {
        app.UseCallFailures();
        app.MapGrpcService<ClassifierService>();
        app.MapGrpcReflectionService();
    }
}
