using Grpc.Net.Client.Balancer;
using Microsoft.Extensions.Options;

namespace LCNet.Client.Internal;

/// <summary>
/// Finds the servers of the options, by DNS or from their list. Under a scheme of its own, so that other gRPC clients of the same application keep
/// theirs. Thread-safe.
/// </summary>
internal sealed class ServerResolverFactory(IOptions<LcNetClientOptions> client) : ResolverFactory
{
    public const string Scheme = "lcnet";

    public override string Name => Scheme;

    public override Resolver Create(ResolverOptions options)
    {
        IList<Uri> addresses = client.Value.Addresses;
        ResolverFactory factory = addresses[0].Scheme == ChannelSettings.DnsScheme
            ? new DnsResolverFactory(client.Value.DnsRefresh)
            : new StaticResolverFactory(_ => addresses.Select(address => new BalancerAddress(address.IdnHost, address.Port)));
        return factory.Create(options);
    }
}
