using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LCNet.Deploy.Tests;

/// <summary>A registry of container images on the loopback address that has one image, of one layer with one file: a base to publish onto where the real one is out of reach.</summary>
internal sealed class BaseImageRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Dictionary<string, byte[]> _blobs = new(StringComparer.Ordinal);
    private readonly byte[] _manifest;

    private BaseImageRegistry(WebApplication app)
    {
        _app = app;
        byte[] tar = Layer();
        byte[] layer = Compress(tar);
        byte[] config = JsonSerializer.SerializeToUtf8Bytes(new
        {
            architecture = "amd64",
            os = "linux",
            config = new { Env = new[] { "PATH=/usr/bin" } },
            rootfs = new { type = "layers", diff_ids = new[] { Digest(tar) } },
            history = Array.Empty<object>(),
        });
        _manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = ManifestType,
            config = new { mediaType = "application/vnd.docker.container.image.v1+json", size = config.Length, digest = Add(config) },
            layers = new[] { new { mediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip", size = layer.Length, digest = Add(layer) } },
        });
    }

    private const string ManifestType = "application/vnd.docker.distribution.manifest.v2+json";

    /// <summary>The image's name, with the registry's address.</summary>
    public string Image => $"localhost:{new Uri(_app.Urls.Single()).Port}/base:1";

    public static async Task<BaseImageRegistry> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var registry = new BaseImageRegistry(app);
        app.MapMethods("/v2/", ["GET", "HEAD"], () => Results.Ok());
        app.MapMethods("/v2/base/manifests/{reference}", ["GET", "HEAD"], registry.ManifestAsync);
        app.MapMethods("/v2/base/blobs/{digest}", ["GET", "HEAD"], registry.BlobAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return registry;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task ManifestAsync(HttpContext context)
    {
        context.Response.Headers["Docker-Content-Digest"] = Digest(_manifest);
        return WriteAsync(context, ManifestType, _manifest);
    }

    private Task BlobAsync(HttpContext context)
    {
        if (_blobs.TryGetValue((string)context.Request.RouteValues["digest"]!, out byte[]? blob))
        {
            return WriteAsync(context, "application/octet-stream", blob);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static async Task WriteAsync(HttpContext context, string type, byte[] body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        if (HttpMethods.IsGet(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(body);
        }
    }

    private string Add(byte[] blob)
    {
        string digest = Digest(blob);
        _blobs[digest] = blob;
        return digest;
    }

    private static string Digest(byte[] bytes) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}";

    private static byte[] Layer()
    {
        using var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, leaveOpen: true))
        {
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "etc/base") { DataStream = new MemoryStream(Encoding.UTF8.GetBytes("base")) });
        }

        return stream.ToArray();
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return stream.ToArray();
    }
}
