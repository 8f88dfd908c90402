using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Http.Features;

namespace LCNet.Server;

/// <summary>Adds TLS, API keys and who may ask for what.</summary>
internal static class SecurityExtensions
{
    /// <summary>Adds what the options ask for.</summary>
    public static IServiceCollection AddServerSecurity(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<AccessRefusals>();
        services.AddSingleton<AccessControl>();
        services.AddSingleton<ReceiveBudget>();
        services.AddSingleton<IClientIdentity, CallerIdentity>();
        if (options.HasTls)
        {
            services.AddFiles<TlsMaterial>(
                nameof(ServerOptions.TlsCertificate),
                options.AsksForCertificate ? [options.TlsCertificate, options.TlsKey, options.TlsClientCa] : [options.TlsCertificate, options.TlsKey],
                (files, _, time) => TlsMaterial.Parse(files, time.GetUtcNow()));
            services.AddSingleton<ServerTls>();
        }

        if (options.AsksForKey)
        {
            services.AddFiles<KeyRing>(nameof(ServerOptions.ApiKeys), [options.ApiKeys], (files, before, time) => KeyRing.Parse(files[0], before, time));
        }

        if (options.HasTls || options.AsksForKey)
        {
            services.AddHostedService<FileReloader>();
        }

        return services;
    }

    /// <summary>Turns away whoever may not ask. Goes first: who is turned away is no request that is measured, and costs as little as can be.</summary>
    public static void UseAccessControl(this WebApplication app)
    {
        AccessControl access = app.Services.GetRequiredService<AccessControl>();
        ServerEndpoints endpoints = app.Services.GetRequiredService<ServerEndpoints>();
        app.Use(next => context =>
        {
            EndpointAccess endpoint = context.GetEndpoint()?.Metadata.GetMetadata<EndpointAccess>() ?? EndpointAccess.Calls;
            bool overGrpc = context.Connection.LocalPort == endpoints.Grpc.Port;
            if (access.Judge(context, endpoint) is { } refused)
            {
                Refuse(context, refused.Problem, refused.Key);
                return AccessTexts.WriteAsync(context, refused.Problem, overGrpc);
            }

            if (endpoint.IsManagement == overGrpc)
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            }

            return next(context);
        });
    }

    /// <summary>Bounds what calls hold that have not arrived whole. Goes after what measures calls and in front of what puts right their status.</summary>
    public static void UseReceiveBudget(this WebApplication app)
    {
        ReceiveBudget budget = app.Services.GetRequiredService<ReceiveBudget>();
        IClientIdentity identity = app.Services.GetRequiredService<IClientIdentity>();
        ServerMetrics metrics = app.Services.GetRequiredService<ServerMetrics>();
        app.Use(next => async context =>
        {
            if (context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>() is null)
            {
                await next(context).ConfigureAwait(false);
                return;
            }

            using var body = new BudgetedReader(context, budget, identity.Of(context), refusal =>
            {
                GrpcStatusMiddleware.Enter(context);
                metrics.Of(null).Refuse(refusal.Reason);
            });
            context.Features.Set<IRequestBodyPipeFeature>(body);
            await next(context).ConfigureAwait(false);
        });
    }

    private static void Refuse(HttpContext context, AccessProblem problem, ApiKey? key)
    {
        // Made no sooner: counters begin at 0 where those who export them are there.
        AccessRefusals refusals = context.RequestServices.GetRequiredService<AccessRefusals>();
        string remote = $"{context.Connection.RemoteIpAddress}:{context.Connection.RemotePort}";
        refusals.Add(problem, key is null ? remote : $"{remote} ({key.Client})", $"{AccessTexts.Of(problem)}: {AccessRefusals.Clean(context.Request.Path)}");
    }

    private static void AddFiles<T>(this IServiceCollection services, string setting, string[] paths, Func<byte[][], T?, TimeProvider, T> parse)
        where T : class
    {
        services.AddSingleton(provider =>
        {
            TimeProvider time = provider.GetRequiredService<TimeProvider>();
            return new ReloadedFiles<T>(setting, paths, (files, before) => parse(files, before, time), provider.GetRequiredService<ILogger<FileReloader>>());
        });
        services.AddSingleton<IReloadable>(provider => provider.GetRequiredService<ReloadedFiles<T>>());
    }
}
