namespace LCNet.Server;

/// <summary>Metadata of endpoints that are not for callers on the gRPC port. Immutable.</summary>
/// <param name="IsManagement">Whether it is on the HTTP port, and on that alone.</param>
/// <param name="IsOpen">Whether it needs neither key nor certificate; otherwise what is management needs an operator's key.</param>
internal sealed record EndpointAccess(bool IsManagement, bool IsOpen)
{
    /// <summary>Whether the server lives and takes calls, over HTTP.</summary>
    public static readonly EndpointAccess HttpHealth = new(IsManagement: true, IsOpen: true);

    /// <summary>The same over gRPC.</summary>
    public static readonly EndpointAccess GrpcHealth = new(IsManagement: false, IsOpen: true);

    /// <summary>What operators see.</summary>
    public static readonly EndpointAccess Management = new(IsManagement: true, IsOpen: false);

    /// <summary>What callers call: the endpoints without this metadata.</summary>
    public static readonly EndpointAccess Calls = new(IsManagement: false, IsOpen: false);
}
