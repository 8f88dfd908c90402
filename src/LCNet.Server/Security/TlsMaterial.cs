using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace LCNet.Server;

/// <summary>The server's certificate, and the authorities of its clients'. Immutable and thread-safe.</summary>
/// <param name="Certificate">With its key and the certificates that lead to its authority.</param>
/// <param name="ClientAuthorities">Null where clients need no certificate.</param>
internal sealed record TlsMaterial(SslStreamCertificateContext Certificate, X509Certificate2Collection? ClientAuthorities)
{
    /// <summary>Reads it from PEM files.</summary>
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
