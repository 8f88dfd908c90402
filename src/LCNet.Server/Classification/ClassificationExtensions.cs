using Google.Protobuf.Reflection;
using Google.Rpc;
using Grpc.Health.V1;
using Grpc.Reflection;
using Inference;
using LCNet.V1;
using ReflectionV1 = Grpc.Reflection.V1.ServerReflection;
using ReflectionV1Alpha = Grpc.Reflection.V1Alpha.ServerReflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace LCNet.Server;

/// <summary>Adds the services <c>lcnet.v1.Classifier</c> and <c>inference.GRPCInferenceService</c>, and server reflection.</summary>
internal static class ClassificationExtensions
{
    /// <summary>Adds what the services need.</summary>
    public static IServiceCollection AddClassification(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<Callers>();
        services.AddSingleton<InferencePipeline>();
        services.AddSingleton<CallDrain>();
        services.AddHostedService(provider => provider.GetRequiredService<CallDrain>());
        services.AddSingleton<ClassifyStreams>();
        services.AddSingleton<ClassifierService>();
        services.AddSingleton<OpenInferenceService>();
        services.AddSingleton<GrpcErrorInterceptor>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.RequestLimit;
            grpc.Interceptors.Add<GrpcErrorInterceptor>();
        });
        services.AddReflection();
        return services;
    }

    /// <summary>Maps the services and server reflection.</summary>
    public static void MapClassification(this WebApplication app)
    {
        app.UseCallDrain();
        app.UseLoadShedding();
        app.UseReceiveBudget();
        app.UseGrpcStatus();
        app.MapGrpcService<ClassifierService>();
        app.MapGrpcService<OpenInferenceService>();
        app.MapGrpcReflectionService();
    }

    // The framework's own knows the services and what they import. What travels as details of a status is imported by none of them, and a client such as grpcurl asks for it by name.
    private static void AddReflection(this IServiceCollection services)
    {
        ServiceDescriptor[] served = [Classifier.Descriptor, GRPCInferenceService.Descriptor, Health.Descriptor, ReflectionV1Alpha.Descriptor, ReflectionV1.Descriptor];
        var files = SymbolRegistry.FromFiles([.. served.Select(service => service.File), ErrorDetailsReflection.Descriptor, StatusReflection.Descriptor]);
        string[] names = [.. served.Select(service => service.FullName)];
        services.AddSingleton(new ReflectionServiceImpl(names, files));
        services.AddSingleton(new ReflectionV1ServiceImpl(names, files));
        services.AddGrpcReflection();
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
