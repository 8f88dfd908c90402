using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LCNet.Server.Configuration;

namespace LCNet.Server.Hosting;

/// <summary>
/// Asks the server on this machine whether it takes calls, by <see cref="HealthExtensions.ReadinessPath"/>: the health check of a container image that has neither a shell nor curl.
/// </summary>
internal static class HealthProbe
{
    /// <summary>The first argument of a program that is started to ask rather than to serve.</summary>
    public const string Argument = "--healthcheck";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>Asks once, on the port of the server's own settings.</summary>
    /// <param name="args">The server's arguments; with them and its environment the probe finds the same settings.</param>
    /// <returns>The exit code: 0 where calls are taken; otherwise 1, and standard error says why.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            ServerOptions options = ServerOptionsReader.Read(ServerHost.CreateBuilder(args).Configuration);
            using var client = new HttpClient(Handler(options)) { Timeout = Limit };
            return await AskAsync(client, Address(options)).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is HttpRequestException or ServerOptionsException or IOException or UnauthorizedAccessException or CryptographicException)
        {
            return await RefuseAsync(exception.Message).ConfigureAwait(false);
        }
    }

    private static async Task<int> AskAsync(HttpClient client, Uri address)
    {
        try
        {
            using HttpResponseMessage reply = await client.GetAsync(address).ConfigureAwait(false);
            return reply.IsSuccessStatusCode ? 0 : await RefuseAsync($"not ready: {(int)reply.StatusCode}").ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return await RefuseAsync($"{address} has not answered within {Limit.TotalSeconds} seconds").ConfigureAwait(false);
        }
    }

    // The certificate is for the name that callers know, so it is the certificate itself that is compared.
    private static SocketsHttpHandler Handler(ServerOptions options)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (options.HasTls)
        {
            byte[] own = X509Certificate2.CreateFromPem(File.ReadAllText(options.TlsCertificate)).RawData;
            handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) => own.AsSpan().SequenceEqual(presented?.GetRawCertData());
        }

        return handler;
    }

    private static Uri Address(ServerOptions options)
    {
        IPAddress address = options.ManagementAddress == ServerEndpoints.AnyAddress ? IPAddress.Loopback : IPAddress.Parse(options.ManagementAddress);
        if (address.Equals(IPAddress.Any))
        {
            address = IPAddress.Loopback;
        }
        else if (address.Equals(IPAddress.IPv6Any))
        {
            address = IPAddress.IPv6Loopback;
        }

        return new UriBuilder(options.HasTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp, address.ToString(), options.HttpPort, HealthExtensions.ReadinessPath).Uri;
    }

    private static async Task<int> RefuseAsync(string problem)
    {
        await Console.Error.WriteLineAsync(problem.ReplaceLineEndings(" ")).ConfigureAwait(false);
        return 1;
    }
}
