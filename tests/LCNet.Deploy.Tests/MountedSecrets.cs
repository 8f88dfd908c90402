using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LCNet.Server;
using LCNet.Server.Configuration;

namespace LCNet.Deploy.Tests;

/// <summary>Files such as a cluster would mount for the settings that name some.</summary>
internal sealed class MountedSecrets : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lcnet-secrets-");
    private readonly Dictionary<string, string> _contents;

    public MountedSecrets()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=lcnet", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        _contents = new Dictionary<string, string>
        {
            [nameof(ServerOptions.TlsCertificate)] = certificate.ExportCertificatePem(),
            [nameof(ServerOptions.TlsKey)] = key.ExportPkcs8PrivateKeyPem(),
            [nameof(ServerOptions.TlsClientCa)] = certificate.ExportCertificatePem(),
            [nameof(ServerOptions.ApiKeys)] = $$"""{"keys": [{"name": "anybody", "sha256": "{{new string('0', 64)}}"}]}""",
        };
    }

    /// <summary>The value for a setting: a file of that kind for one that names a mounted one, else its own.</summary>
    public string For(string setting, string value)
    {
        if (!_contents.TryGetValue(setting, out string? content))
        {
            return value;
        }

        string path = Path.Combine(_folder.FullName, setting);
        File.WriteAllText(path, content);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
