namespace LCNet.Server;

/// <summary>A client is its API key; without keys, its certificate; without those, its address.</summary>
internal sealed class CallerIdentity : IClientIdentity
{
    public string Of(HttpContext context) =>
        AccessControl.KeyOf(context) is { } key ? key.Client
        : context.Connection.ClientCertificate is { } certificate ? certificate.Subject
        : RemoteAddressIdentity.Of(context.Connection.RemoteIpAddress);
}
