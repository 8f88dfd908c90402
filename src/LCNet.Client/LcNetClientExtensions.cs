using Grpc.Net.Client.Balancer;
using LCNet.Client;
using LCNet.Client.Internal;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds <see cref="LcNetClient"/> to services.</summary>
public static class LcNetClientExtensions
{
    /// <summary>
    /// Adds <see cref="LcNetClient"/>, with deadlines, retries and client-side load balancing. All of its instances share their connections.
    /// </summary>
    /// <param name="configure">Sets at least an address.</param>
    /// <returns>A builder of the underlying gRPC client, for interceptors, credentials or handlers.</returns>
    /// <exception cref="OptionsValidationException">Thrown where the first client is made: an option is out of range; it names every problem.</exception>
    public static IHttpClientBuilder AddLcNetClient(this IServiceCollection services, Action<LcNetClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<LcNetClientOptions>().Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LcNetClientOptions>, OptionRules>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ResolverFactory, ServerResolverFactory>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddTransient(provider => new LcNetClient(
            provider.GetRequiredService<Classifier.ClassifierClient>(),
            provider.GetRequiredService<IOptions<LcNetClientOptions>>().Value,
            provider.GetRequiredService<TimeProvider>()));
        return services
            .AddGrpcClient<Classifier.ClassifierClient>((provider, grpc) => grpc.Address = ChannelSettings.Address(Options(provider)))
            .ConfigureChannel((provider, channel) => ChannelSettings.Apply(Options(provider), channel))
            .ConfigurePrimaryHttpMessageHandler(ChannelSettings.CreateHandler);
    }

    private static LcNetClientOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<LcNetClientOptions>>().Value;
}
