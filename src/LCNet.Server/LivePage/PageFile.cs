using System.Security.Cryptography;
using LCNet.Server.Protocols.Http;
using LCNet.Server.Security;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;

namespace LCNet.Server.LivePage;

/// <summary>One file of the page. It is part of the program, so there is no folder to find. Immutable and thread-safe.</summary>
internal sealed class PageFile
{
    private const string Index = "index.html";
    private const string Prefix = "page/";

    private static readonly FileExtensionContentTypeProvider ContentTypes = new();
    private readonly byte[] _bytes;
    private readonly string _contentType;
    private readonly EntityTagHeaderValue _tag;

    private PageFile(string resource)
    {
        string name = resource[Prefix.Length..];
        Path = name == Index ? "/" : $"/live/{name}";
        _contentType = ContentTypes.Mappings[System.IO.Path.GetExtension(name)];
        _bytes = EmbeddedFile.Read(resource);
        _tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(_bytes).AsSpan(0, 16))}\"");
    }

    /// <summary>Every file of the page.</summary>
    public static IReadOnlyList<PageFile> All { get; } = ReadAll();

    /// <summary>Path that it is served at.</summary>
    public string Path { get; }

    /// <summary>Answers a request for it; only that it has not changed, where the browser has it already.</summary>
    public Task WriteAsync(HttpContext context)
    {
        ResponseHeaders.Set(context.Response, _contentType);
        context.Response.Headers.CacheControl = "no-cache";
        return TypedResults.Bytes(_bytes, _contentType, entityTag: _tag).ExecuteAsync(context);
    }

    private static PageFile[] ReadAll()
    {
        string[] names = typeof(PageFile).Assembly.GetManifestResourceNames();
        return [.. names.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).Select(name => new PageFile(name))];
    }
}
