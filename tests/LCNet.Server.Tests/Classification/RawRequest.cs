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
        using var content = new ByteArrayContent(body);
        (_, string? status, string? message) = await SendAsync(client, new Uri(address, path), content, headers, TestContext.Current.CancellationToken);
        return (status, message);
    }

    /// <summary>Posts any body over a client's connections.</summary>
    /// <param name="client">The client.</param>
    /// <param name="uri">Server and method.</param>
    /// <param name="body">Its type is set here.</param>
    /// <param name="headers">Sent as they are.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>HTTP's status, and gRPC's with its message; null where there is none.</returns>
    public static async Task<(HttpStatusCode Http, string? Status, string? Message)> SendAsync(
        HttpClient client, Uri uri, HttpContent body, IEnumerable<(string Name, string Value)> headers, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, uri)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body,
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        body.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request, cancellation);
        await response.Content.ReadAsByteArrayAsync(cancellation);
        return (response.StatusCode, Header(response, "grpc-status"), Header(response, "grpc-message"));
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) || response.TrailingHeaders.TryGetValues(name, out values) ? values.Single() : null;
}
