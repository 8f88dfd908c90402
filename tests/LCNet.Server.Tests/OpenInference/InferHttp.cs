using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LCNet.Server.Tests;

/// <summary>Speaks the Open Inference Protocol over HTTP, of which it knows the published form alone.</summary>
internal static class InferHttp
{
    public const string HeaderLength = "Inference-Header-Content-Length";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A request with image files in the JSON.</summary>
    public static byte[] Json(params byte[][] files) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { files.Length }, data = files.Select(Convert.ToBase64String).ToArray() } },
    });

    /// <summary>A request with image files behind the JSON, as Triton's and KServe's Python clients write it by default.</summary>
    /// <returns>The body, and how much of it is JSON.</returns>
    public static (byte[] Body, int HeaderLength) Binary(params byte[][] files)
    {
        byte[] contents = InferClient.RawFiles(files);
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new
        {
            inputs = new[] { new { name = "image", shape = new[] { files.Length, 1 }, datatype = "BYTES", parameters = new { binary_data_size = contents.Length } } },
            parameters = new { binary_data_output = true },
        });
        return ([.. header, .. contents], header.Length);
    }

    /// <summary>Sends a request.</summary>
    /// <param name="headerLength">How much of the body is JSON; null for all.</param>
    public static async Task<InferHttpReply> SendAsync(HttpClient http, byte[] body, int? headerLength = null, string path = "/v2/models/alpha/infer", params (string Name, string Value)[] headers)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new(headerLength is null ? "application/json" : "application/octet-stream");
        if (headerLength is int length)
        {
            content.Headers.Add(HeaderLength, length.ToString(CultureInfo.InvariantCulture));
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = content };
        foreach ((string name, string value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                content.Headers.Add(name, value);
            }
        }

        using HttpResponseMessage response = await http.SendAsync(request, Token);
        byte[] reply = await response.Content.ReadAsByteArrayAsync(Token);
        string? json = response.Headers.TryGetValues(HeaderLength, out IEnumerable<string>? values) ? values.Single() : null;
        return new InferHttpReply(response.StatusCode, reply, json is null ? null : int.Parse(json, CultureInfo.InvariantCulture), string.Join(',', response.Content.Headers.ContentEncoding));
    }

    /// <summary>Asks for something.</summary>
    public static async Task<(HttpStatusCode Status, JsonNode? Answer)> GetAsync(HttpClient http, string path)
    {
        using HttpResponseMessage response = await http.GetAsync(new Uri(path, UriKind.Relative), Token);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Token)));
    }
}

/// <summary>What was answered.</summary>
/// <param name="HeaderLength">How much of the body is JSON; null for all.</param>
/// <param name="Encoding">Of the content.</param>
internal sealed record InferHttpReply(HttpStatusCode Status, byte[] Body, int? HeaderLength, string Encoding)
{
    public JsonNode Json { get; } = Encoding.Length > 0 ? new JsonObject() : JsonNode.Parse(Body.AsSpan(0, HeaderLength ?? Body.Length))!;

    public string? Error => (string?)Json["error"];

    /// <summary>The values of an output, as texts: of the JSON, or of the bytes behind it.</summary>
    public string[] Values(string name)
    {
        int at = HeaderLength ?? 0;
        foreach (JsonNode? output in Json["outputs"]!.AsArray())
        {
            int? size = (int?)output!["parameters"]?["binary_data_size"];
            if ((string?)output["name"] == name)
            {
                string[] values = size is int length ? Read((string)output["datatype"]!, Body.AsSpan(at, length)) : [.. output["data"]!.AsArray().Select(value => value!.ToString())];
                Assert.Equal(output["shape"]!.AsArray().Aggregate(1L, (product, dimension) => product * (long)dimension!), values.Length);
                return values;
            }

            at += size ?? 0;
        }

        throw new InvalidOperationException($"There is no output {name}.");
    }

    private static string[] Read(string datatype, ReadOnlySpan<byte> bytes)
    {
        switch (datatype)
        {
            case "FP32":
                return [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(value => value.ToString("R", CultureInfo.InvariantCulture))];
            case "FP64":
                return [.. MemoryMarshal.Cast<byte, double>(bytes).ToArray().Select(value => value.ToString("R", CultureInfo.InvariantCulture))];
            case "INT64":
                return [.. MemoryMarshal.Cast<byte, long>(bytes).ToArray().Select(value => value.ToString(CultureInfo.InvariantCulture))];
            default:
                var texts = new List<string>();
                for (ReadOnlySpan<byte> rest = bytes; rest.Length > 0;)
                {
                    int length = BitConverter.ToInt32(rest);
                    texts.Add(System.Text.Encoding.UTF8.GetString(rest.Slice(sizeof(int), length)));
                    rest = rest[(sizeof(int) + length)..];
                }

                return [.. texts];
        }
    }
}
