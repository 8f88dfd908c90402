using System.IO.Compression;
using Google.Protobuf;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>Requests that no generated client would send.</summary>
public sealed class RawRequestTests(ServerFixture fixture)
{
    [Fact]
    public async Task Classify_BytesThatAreNoMessage_IsInvalid()
    {
        (string? status, string? message) = await PostAsync(RawRequest.Frame([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]));

        Assert.Equal("3", status);
        Assert.Contains("lcnet.v1.Classifier", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Classify_TextThatIsNoUtf8_IsInvalid()
    {
        // Field 1 (model), two bytes, which are not UTF-8.
        (string? status, _) = await PostAsync(RawRequest.Frame([0x0A, 0x02, 0xC3, 0x28]));

        Assert.Equal("3", status);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(255)]
    public async Task Classify_UnknownCompressionFlag_IsInvalid(byte flag)
    {
        byte[] frame = RawRequest.Frame(new ClassifyRequest().ToByteArray());
        frame[0] = flag;

        (string? status, _) = await PostAsync(frame);

        Assert.Equal("3", status);
    }

    [Fact]
    public async Task Classify_BrokenGzip_IsInvalid()
    {
        (string? status, _) = await PostAsync(RawRequest.Frame([1, 2, 3, 4, 5], compressed: true), ("grpc-encoding", "gzip"));

        Assert.Equal("3", status);
    }

    [Theory]
    [InlineData("grpc.health.v1.Health/Check")]
    [InlineData("grpc.health.v1.Health/Watch")]
    [InlineData("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")]
    public async Task OtherService_BytesThatAreNoMessage_IsInvalid(string method)
    {
        (string? status, string? message) = await RawRequest.PostAsync(fixture.One, $"/{method}", RawRequest.Frame([0xFF, 0xFF]));

        Assert.Equal("3", status);
        Assert.Contains(method, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "Incomplete")]
    [InlineData(3, "Incomplete")]
    [InlineData(100, "Incomplete")]
    [InlineData(105, null)]
    [InlineData(110, "Additional")]
    public async Task Classify_BodyOfAnotherLengthThanItSays_IsInvalid(int length, string? word)
    {
        byte[] frame = RawRequest.Frame(new ClassifyRequest { Id = new string('x', 98) }.ToByteArray());
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

        (string? status, string? message) = await PostAsync(RawRequest.Frame(packed.ToArray(), compressed: true), ("grpc-encoding", "gzip"));

        Assert.Equal("3", status);
        Assert.Contains("8454144", message, StringComparison.Ordinal);
        await fixture.One.ClassifyAsync(TestImages.Png(1));
    }

    private Task<(string? Status, string? Message)> PostAsync(byte[] body, params (string Name, string Value)[] headers) =>
        RawRequest.PostAsync(fixture.One, RawRequest.Classify, body, headers);
}
