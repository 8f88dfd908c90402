using LCNet.Server.Configuration;
using LCNet.Server.Hosting;
using LCNet.Server.Security.Keys;
using Microsoft.AspNetCore.Authorization;

namespace LCNet.Server.Security;

/// <summary>Adds TLS, API keys and who may ask for what.</summary>
internal static class SecurityExtensions
{
    /// <summary>Name of the policy of what operators see: any caller where there are no keys, an operator's key where there are.</summary>
    public const string OperatorPolicy = "operator";

    /// <summary>Adds what the options ask for. Where they ask callers for something, an endpoint without a policy of its own is for those who have it.</summary>
    public static IServiceCollection AddServerSecurity(this IServiceCollection services, ServerOptions options)
    {
        services.AddSingleton<AccessRefusals>();
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

        if (options.AsksForCaller)
        {
            services.AddAuthenticationCore(authentication => authentication.AddScheme<ClientAuthentication>(ClientAuthentication.Scheme, displayName: null));
            services.AddTransient<ClientAuthentication>();
            services.AddAuthorizationBuilder()
                .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())
                .AddPolicy(OperatorPolicy, policy => policy.RequireAuthenticatedUser().RequireAssertion(context => ApiKeyIdentity.KeyOf(context.User) is null or { Limits.IsOperator: true }));
        }

        return services;
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

/// <summary>
/// Hides each endpoint from the port that it is not for: what has <see cref="HttpPortOnly"/> is on the HTTP port alone, everything else on the gRPC port alone. The framework's
/// <c>RequireHost</c> would believe the port that the caller writes into its <c>Host</c> header.
/// </summary>
internal sealed class ListenerMiddleware(RequestDelegate next, ServerEndpoints endpoints)
{
    /// <summary>Lets a request through, or answers 404.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        bool isForHttp = context.GetEndpoint()?.Metadata.GetMetadata<HttpPortOnly>() is not null;
        if (isForHttp == endpoints.IsGrpc(context))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        return next(context);
    }
}

/// <summary>Metadata of endpoints that are on the HTTP port.</summary>
internal sealed class HttpPortOnly;
