using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using LCNet.Server.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace LCNet.Server.Security;

/// <summary>
/// TLS of both ports. Every handshake takes the latest certificate and authorities, so a new certificate is for new connections and disturbs none that there are.
/// Thread-safe.
/// </summary>
internal sealed class ServerTls(ReloadedFiles<TlsMaterial> files, ServerOptions options, AccessRefusals refusals)
{
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    /// <summary>Makes a port speak TLS.</summary>
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

/// <summary>The server's certificate, and the authorities of its clients'. Immutable and thread-safe.</summary>
/// <param name="Certificate">With its key and the certificates that lead to its authority.</param>
/// <param name="ClientAuthorities">Null where clients need no certificate.</param>
internal sealed record TlsMaterial(SslStreamCertificateContext Certificate, X509Certificate2Collection? ClientAuthorities)
{
    /// <summary>Reads the material from PEM files.</summary>
    /// <param name="files">Certificates, key and, where clients need certificates, their authorities.</param>
    /// <param name="now">A certificate that is not valid now is refused.</param>
    /// <exception cref="SecurityFileException">They cannot be used.</exception>
    public static TlsMaterial Parse(byte[][] files, DateTimeOffset now)
    {
        X509Certificate2 own = Own(Encoding.UTF8.GetString(files[0]), Encoding.UTF8.GetString(files[1]));
        if (now < own.NotBefore || now > own.NotAfter)
        {
            throw new SecurityFileException($"the certificate is valid from {own.NotBefore.ToUniversalTime():u} to {own.NotAfter.ToUniversalTime():u} only");
        }

        var context = SslStreamCertificateContext.Create(own, Certificates(files[0], nameof(ServerOptions.TlsCertificate)), offline: true);
        return new TlsMaterial(context, files.Length > 2 ? Certificates(files[2], nameof(ServerOptions.TlsClientCa)) : null);
    }

    private static X509Certificate2 Own(string certificate, string key)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new SecurityFileException($"{nameof(ServerOptions.TlsCertificate)} and {nameof(ServerOptions.TlsKey)} are no certificate and its unencrypted key in PEM form");
        }
    }

    private static X509Certificate2Collection Certificates(byte[] pem, string setting)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(Encoding.UTF8.GetString(pem));
        }
        catch (CryptographicException)
        {
            certificates.Clear();
        }

        return certificates.Count > 0 ? certificates : throw new SecurityFileException($"{setting} holds no certificates in PEM form");
    }
}
