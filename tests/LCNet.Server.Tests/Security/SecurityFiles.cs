using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace LCNet.Server.Tests;

/// <summary>Files with certificates and keys, and the settings that name them.</summary>
internal sealed class SecurityFiles : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Keys => Path.Combine(_folder.FullName, "keys.json");

    public string[] KeySettings => [$"ApiKeys={Keys}"];

    public string[] TlsSettings => [$"TlsCertificate={Certificate}", $"TlsKey={Key}"];

    public string[] MutualTlsSettings => [.. TlsSettings, $"TlsClientCa={ClientCa}"];

    public string Certificate => Path.Combine(_folder.FullName, "tls.crt");

    public string Key => Path.Combine(_folder.FullName, "tls.key");

    public string ClientCa => Path.Combine(_folder.FullName, "ca.crt");

    /// <summary>A key that nobody else has.</summary>
    public static string NewKey() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    public static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>An entry of the file of keys.</summary>
    public static object Entry(string name, string key, bool isOperator = false, double? imagesPerSecond = null, double? flopsPerSecond = null, int? concurrentImages = null, bool verify = true) =>
        new { name, sha256 = Hash(key), @operator = isOperator, imagesPerSecond, flopsPerSecond, concurrentImages, verify };

    /// <summary>Writes the file of keys in one step, as an operator's tools do.</summary>
    public void WriteKeys(params object[] entries) => Replace(Keys, JsonSerializer.Serialize(new { keys = entries }));

    public void WriteTls(X509Certificate2 certificate)
    {
        Replace(Key, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        Replace(Certificate, certificate.ExportCertificatePem());
    }

    public void WriteClientCa(TestAuthority authority) => Replace(ClientCa, authority.Pem);

    public static void Replace(string path, string text)
    {
        File.WriteAllText(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }

    public void Dispose() => _folder.Dispose();
}
