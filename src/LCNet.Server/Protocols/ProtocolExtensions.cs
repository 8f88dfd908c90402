using Google.Protobuf.Reflection;
using Google.Rpc;
using Grpc.Health.V1;
using Grpc.Reflection;
using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Protocols.Http;
using LCNet.Server.Protocols.OpenInference;
using LCNet.Server.Protocols.Repository;
using Microsoft.AspNetCore.ResponseCompression;
using ReflectionV1 = Grpc.Reflection.V1.ServerReflection;
using ReflectionV1Alpha = Grpc.Reflection.V1Alpha.ServerReflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace LCNet.Server.Protocols;

/// <summary>Adds what answers requests: the gRPC services and reflection, the endpoints of the HTTP port beside them, and the way of every image that comes by any of them.</summary>
internal static class ProtocolExtensions
{
    /// <summary>Adds all protocols.</summary>
    public static IServiceCollection AddProtocols(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<Callers>();
        services.AddSingleton<InferencePipeline>();
        services.AddSingleton<ClassifyStreams>();
        services.AddSingleton<ClassifyHandler>();
        services.AddSingleton<InferHandler>();
        services.AddSingleton<InferEndpoints>();
        services.AddSingleton<RepositoryActions>();
        services.AddSingleton<ClassifyEndpoint>();
        services.AddSingleton<ClassifierService>();
        services.AddSingleton<OpenInferenceService>();
        services.AddSingleton<GrpcErrorInterceptor>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.RequestLimit;
            grpc.Interceptors.Add<GrpcErrorInterceptor>();
        });
        services.AddReflection();

        // Of the Open Inference Protocol, whose clients ask for it. Nothing secret is in a reply that somebody could guess from its compressed size.
        services.AddResponseCompression(compression =>
        {
            compression.EnableForHttps = true;
            compression.Providers.Add<GzipCompressionProvider>();
            compression.MimeTypes = ["application/json", "application/octet-stream"];
        });
        return services;
    }

    // The framework's own knows the services and what they import. What travels as details of a status is imported by none of them, and a client such as grpcurl asks for it by name.
    private static void AddReflection(this IServiceCollection services)
    {
        ServiceDescriptor[] served = [V1.Classifier.Descriptor, GRPCInferenceService.Descriptor, Health.Descriptor, ReflectionV1Alpha.Descriptor, ReflectionV1.Descriptor];
        var files = SymbolRegistry.FromFiles([.. served.Select(service => service.File), ErrorDetailsReflection.Descriptor, StatusReflection.Descriptor]);
        string[] names = [.. served.Select(service => service.FullName)];
        services.AddSingleton(new ReflectionServiceImpl(names, files));
        services.AddSingleton(new ReflectionV1ServiceImpl(names, files));
        services.AddGrpcReflection();
    }
}
