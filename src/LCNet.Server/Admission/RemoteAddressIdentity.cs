using System.Net;
using System.Net.Sockets;

namespace LCNet.Server;

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
