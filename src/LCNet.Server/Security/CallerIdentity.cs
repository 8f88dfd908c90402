namespace LCNet.Server;

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
        AccessControl.KeyOf(context) is { } key ? key.Client
        : context.Connection.ClientCertificate is { } certificate ? certificate.Subject
        : RemoteAddressIdentity.Of(context.Connection.RemoteIpAddress);
}
