using LCNet.Server.Configuration;
using LCNet.Server.Security.Keys;

namespace LCNet.Server.Security;

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
