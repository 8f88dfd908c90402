using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;

namespace LCNet.Server.Tests;

/// <summary>Sends what no generated client would send.</summary>
internal static class RawRequest
{
    public const string Classify = "/lcnet.v1.Classifier/Classify";

    /// <summary>A message as it travels: a flag and its length go before it.</summary>
    public static byte[] Frame(byte[] message, bool compressed = false)
    {
        byte[] frame = new byte[5 + message.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    /// <summary>Posts a body, and gives the status of the reply.</summary>
    public static Task<(string? Status, string? Message)> PostAsync(TestServer server, string path, byte[] body, params (string Name, string Value)[] headers) =>
        PostAsync(server.GrpcAddress, path, body, headers);

    /// <summary>Posts a body to any server.</summary>
    public static async Task<(string? Status, string? Message)> PostAsync(Uri address, string path, byte[] body, params (string Name, string Value)[] headers)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        foreach ((string name, string value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        return (Header(response, "grpc-status"), Header(response, "grpc-message"));
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) || response.TrailingHeaders.TryGetValues(name, out values) ? values.Single() : null;
}
