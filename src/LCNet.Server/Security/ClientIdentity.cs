using System.Net;
using System.Net.Sockets;
using LCNet.Server.Inference;

namespace LCNet.Server.Security;

/// <summary>Tells clients apart, so that they can take turns. Thread-safe.</summary>
internal interface IClientIdentity
{
    /// <summary>Whose a call is. Called before the request is read, for refused calls too, so it has to be quick.</summary>
    /// <returns>Equal for calls of one client; never shown to callers.</returns>
    string Of(HttpContext context);
}

/// <summary>A client is its API key; without keys, its certificate; without those, its address. Made once a call, which asks several times.</summary>
internal sealed class CallerIdentity : IClientIdentity
{
    private static readonly object Client = new();

    public string Of(HttpContext context)
    {
        if (!context.Items.TryGetValue(Client, out object? client))
        {
            context.Items[Client] = client = Find(context);
        }

        return (string)client!;
    }

    private static string Find(HttpContext context) =>
        ApiKeyIdentity.KeyOf(context) is { } key ? key.Client
        : context.Connection.ClientCertificate is { } certificate ? certificate.Subject
        : RemoteAddressIdentity.Of(context.Connection.RemoteIpAddress);
}

/// <summary>
/// A client is an address: of IPv6 its first 64 bits, as a host has the others to choose from. Callers behind one proxy are one client.
/// </summary>
internal static class RemoteAddressIdentity
{
    private const int NetworkBytes = 8;

    /// <summary>The client that an address stands for.</summary>
    /// <param name="address">Null where there is none, for example in a test host.</param>
    public static string Of(IPAddress? address) => address switch
    {
        null => string.Empty,
        { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
        { AddressFamily: AddressFamily.InterNetworkV6 } => $"{Convert.ToHexString(address.GetAddressBytes().AsSpan(0, NetworkBytes))}/64",
        _ => address.ToString(),
    };
}
