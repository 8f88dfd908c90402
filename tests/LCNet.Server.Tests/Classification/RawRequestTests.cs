using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>Requests that no generated client would send.</summary>
public sealed class RawRequestTests(ServerFixture fixture)
{
    private const string Classify = "/lcnet.v1.Classifier/Classify";

    [Fact]
    public async Task Classify_BytesThatAreNoMessage_IsInvalid()
    {
        (string? status, string? message) = await PostAsync(Frame([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], compressed: false));

        Assert.Equal("3", status);
        Assert.Contains("lcnet.v1.Classifier", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Classify_TextThatIsNoUtf8_IsInvalid()
    {
        // Field 1 (model), two bytes, which are not UTF-8.
        (string? status, _) = await PostAsync(Frame([0x0A, 0x02, 0xC3, 0x28], compressed: false));

        Assert.Equal("3", status);
    }

    [Theory]
    [InlineData(0, "Incomplete")]
    [InlineData(3, "Incomplete")]
    [InlineData(100, "Incomplete")]
    [InlineData(105, null)]
    [InlineData(110, "Additional")]
    public async Task Classify_BodyOfAnotherLengthThanItSays_IsInvalid(int length, string? word)
    {
        byte[] frame = Frame(new ClassifyRequest { Id = new string('x', 98) }.ToByteArray(), compressed: false);
        Assert.Equal(105, frame.Length);
        Array.Resize(ref frame, length);

        (string? status, string? message) = await PostAsync(frame);

        Assert.Equal("3", status);
        Assert.Contains(word ?? "encoded_image", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Classify_CompressionBomb_IsRefused()
    {
        var request = new ClassifyRequest { EncodedImage = ByteString.CopyFrom(new byte[30_000_000]) };
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(request.ToByteArray());
        }

        (string? status, _) = await PostAsync(Frame(packed.ToArray(), compressed: true), "gzip");

        Assert.Equal("8", status);
        await fixture.One.ClassifyAsync(TestImages.Png(1));
    }

    private static byte[] Frame(byte[] message, bool compressed)
    {
        byte[] frame = new byte[5 + message.Length];
        frame[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private async Task<(string? Status, string? Message)> PostAsync(byte[] body, string? encoding = null)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(fixture.One.GrpcAddress, Classify))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        if (encoding is not null)
        {
            request.Headers.Add("grpc-encoding", encoding);
        }

        using HttpResponseMessage response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        return (Header(response, "grpc-status"), Header(response, "grpc-message"));
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) || response.TrailingHeaders.TryGetValues(name, out values) ? values.Single() : null;
}
