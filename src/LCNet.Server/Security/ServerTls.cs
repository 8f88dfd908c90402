using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace LCNet.Server;

/// <summary>
/// TLS of both ports. Every handshake takes the latest certificate and authorities, so a new certificate is for new connections and disturbs none that there are.
/// Thread-safe.
/// </summary>
internal sealed class ServerTls(ReloadedFiles<TlsMaterial> files, ServerOptions options, AccessRefusals refusals)
{
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    /// <summary>Makes a port speak TLS.</summary>
    /// <param name="listen">The port.</param>
    /// <param name="needsCertificate">Whether a handshake without a client's certificate fails, where clients have to have one at all.</param>
    public void Use(ListenOptions listen, bool needsCertificate) => listen.UseHttps(new TlsHandshakeCallbackOptions
    {
        HandshakeTimeout = options.HeadersTimeout,
        OnConnection = context => ValueTask.FromResult(Handshake(context, needsCertificate)),
    });

    private SslServerAuthenticationOptions Handshake(TlsHandshakeCallbackContext context, bool needsCertificate)
    {
        TlsMaterial material = files.Current;
        var handshake = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = material.Certificate,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,

            // A resumed session would not be asked for its certificate again.
            AllowTlsResume = material.ClientAuthorities is null,
            AllowRenegotiation = false,
        };
        if (material.ClientAuthorities is { } authorities)
        {
            handshake.ClientCertificateRequired = true;
            handshake.CertificateChainPolicy = Policy(authorities);
            handshake.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                Accept(certificate, chain, errors, needsCertificate, context.Connection.RemoteEndPoint?.ToString());
        }

        return handshake;
    }

    // One for each handshake, which adds to it.
    private static X509ChainPolicy Policy(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            ApplicationPolicy = { ClientAuthentication },
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private bool Accept(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors, bool needsCertificate, string? remote)
    {
        if (certificate is null)
        {
            if (needsCertificate)
            {
                refusals.Add(AccessProblem.NoCertificate, remote, "no client certificate");
            }

            return !needsCertificate;
        }

        if (errors == SslPolicyErrors.None)
        {
            return true;
        }

        string why = string.Join(", ", (chain?.ChainStatus ?? []).Select(status => status.Status));
        refusals.Add(AccessProblem.WrongCertificate, remote, $"client certificate {AccessRefusals.Clean(certificate.Subject)}: {(why.Length > 0 ? why : errors)}");
        return false;
    }
}
