using Google.Protobuf;
using Grpc.Core;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

public sealed class ClassifyRefusalTests(ServerFixture fixture)
{
    private TestServer Server => fixture.One;

    [Fact]
    public async Task Classify_EmptyRequest_IsInvalid() =>
        await Server.AssertRefusedAsync(new ClassifyRequest(), StatusCode.InvalidArgument, "encoded_image", "tensor");

    [Fact]
    public async Task Classify_EmptyImage_IsInvalid() =>
        await Server.AssertRefusedAsync(Image([]), StatusCode.InvalidArgument, "encoded_image", "empty");

    [Fact]
    public async Task Classify_TruncatedJpeg_IsInvalid()
    {
        byte[] jpeg = TestImages.Encode(SKEncodedImageFormat.Jpeg, 1, 200);
        await Server.AssertRefusedAsync(Image(jpeg[..(jpeg.Length / 2)]), StatusCode.InvalidArgument, "encoded_image", "truncated");
    }

    [Fact]
    public async Task Classify_NoImage_IsInvalid() =>
        await Server.AssertRefusedAsync(Image("%PDF-1.7 and so on"u8.ToArray()), StatusCode.InvalidArgument, "encoded_image", "JPEG");

    [Fact]
    public async Task Classify_PngBomb_IsInvalid() =>
        await Server.AssertRefusedAsync(Image(TestImages.PngBomb(60000, 60000)), StatusCode.InvalidArgument, "encoded_image", "60000×60000", "16777216");

    [Fact]
    public async Task Classify_ImageOverTheLimit_IsInvalid() =>
        await Server.AssertRefusedAsync(Image(new byte[(8 * 1024 * 1024) + 1]), StatusCode.InvalidArgument, "encoded_image", "8388609", "8388608");

    [Fact]
    public async Task Classify_BodyOverTheLimit_IsRefusedUnread() =>
        await Server.AssertRefusedAsync(Image(new byte[50_000_000]), StatusCode.InvalidArgument, "8454144");

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "Infinity")]
    [InlineData(float.NegativeInfinity, "-Infinity")]
    public async Task Classify_TensorValueNotFinite_IsInvalid(float value, string text)
    {
        Tensor tensor = Tensor();
        tensor.Values[17] = value;
        await Server.AssertRefusedAsync(new ClassifyRequest { Tensor = tensor }, StatusCode.InvalidArgument, "tensor.values", "17", text);
    }

    [Theory]
    [InlineData(1e38f)]
    [InlineData(-3e38f)]
    [InlineData(float.MaxValue)]
    public async Task Classify_TensorThatOverflowsTheNetwork_IsInvalid(float value)
    {
        Tensor tensor = Tensor();
        for (int i = 0; i < tensor.Values.Count; i++)
        {
            tensor.Values[i] = value;
        }

        await Server.AssertRefusedAsync(new ClassifyRequest { Tensor = tensor }, StatusCode.InvalidArgument, "tensor.values", "E+38");
    }

    [Theory]
    [InlineData]
    [InlineData(768L)]
    [InlineData(16L, 16L, 3L)]
    [InlineData(2L, 3L, 16L, 16L)]
    [InlineData(0L, 3L, 16L, 16L)]
    [InlineData(1L, 1L, 3L, 16L, 16L)]
    [InlineData(3L, 16L, 17L)]
    [InlineData(3L, -16L, -16L)]
    public async Task Classify_TensorOfWrongShape_IsInvalid(params long[] shape)
    {
        Tensor tensor = Tensor();
        tensor.Shape.Clear();
        tensor.Shape.Add(shape);
        await Server.AssertRefusedAsync(new ClassifyRequest { Tensor = tensor }, StatusCode.InvalidArgument, "tensor.shape", "[3, 16, 16]");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(767)]
    [InlineData(769)]
    public async Task Classify_TensorOfWrongLength_IsInvalid(int length)
    {
        Tensor tensor = Tensor();
        tensor.Values.Clear();
        tensor.Values.Add(new float[length]);
        await Server.AssertRefusedAsync(new ClassifyRequest { Tensor = tensor }, StatusCode.InvalidArgument, "tensor.values", $"{length}", "768");
    }

    [Fact]
    public async Task Classify_EmptyTensor_NamesShapeAndValues() =>
        await Server.AssertRefusedAsync(new ClassifyRequest { Tensor = new Tensor() }, StatusCode.InvalidArgument, "tensor.shape", "tensor.values");

    [Theory]
    [InlineData("nobody")]
    [InlineData("ALPHA")]
    [InlineData("../alpha")]
    public async Task Classify_UnknownModel_IsNotFound(string model) =>
        await Server.AssertRefusedAsync(Good(request => request.Model = model), StatusCode.NotFound, "model", model);

    [Fact]
    public async Task Classify_VeryLongModelName_IsNotFoundWithShortMessage() =>
        await Server.AssertRefusedAsync(Good(request => request.Model = new string('x', 1_000_000)), StatusCode.NotFound, "model", "xxx…");

    [Theory]
    [InlineData("4")]
    [InlineData("-3")]
    [InlineData("three")]
    [InlineData("99999999999999999999")]
    public async Task Classify_UnknownVersion_IsNotFound(string version) =>
        await Server.AssertRefusedAsync(Good(request => request.Version = version), StatusCode.NotFound, "version", version);

    [Fact]
    public async Task Classify_NoModelNameWhereThereAreSeveral_IsInvalid() =>
        await fixture.Several.AssertRefusedAsync(TestImages.Png(1), StatusCode.InvalidArgument, "model");

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(11)]
    [InlineData(1_000_000_000)]
    public async Task Classify_TopKOutOfRange_IsInvalid(int topK) =>
        await Server.AssertRefusedAsync(Good(request => request.TopK = topK), StatusCode.InvalidArgument, "top_k", $"{topK}", "1 to 10");

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(1.0000001)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public async Task Classify_EffortOutOfRange_IsInvalid(double effort) =>
        await Server.AssertRefusedAsync(Good(request => request.Effort = effort), StatusCode.InvalidArgument, "effort", $"{effort}", "(0, 1]");

    [Fact]
    public async Task Classify_EffortAndMaxFlops_IsInvalid() =>
        await Server.AssertRefusedAsync(
            Good(request =>
            {
                request.Effort = 1;
                request.MaxFlops = long.MaxValue;
            }),
            StatusCode.InvalidArgument,
            "effort",
            "max_flops");

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task Classify_MaxFlopsBelowTheMinimum_IsInvalid(long below)
    {
        long minimum = fixture.Bundle.Flops.Minimum;
        await Server.AssertRefusedAsync(
            Good(request => request.MaxFlops = below < 0 ? below : minimum - below), StatusCode.InvalidArgument, "max_flops", $"{minimum}");
    }

    [Fact]
    public async Task Classify_IdTooLong_IsInvalid() =>
        await Server.AssertRefusedAsync(Good(request => request.Id = new string('x', 257)), StatusCode.InvalidArgument, "id", "256");

    [Fact]
    public async Task Classify_SeveralErrors_NamesAllOfThem() =>
        await Server.AssertRefusedAsync(
            new ClassifyRequest { Id = new string('x', 300), TopK = 0, Effort = 2, MaxFlops = 0 },
            StatusCode.InvalidArgument,
            "id:", "top_k:", "effort:", "max_flops:", "effort, max_flops:", "encoded_image, tensor:");

    private static ClassifyRequest Image(byte[] encoded) => new() { EncodedImage = ByteString.CopyFrom(encoded) };

    private static ClassifyRequest Good(Action<ClassifyRequest> spoil)
    {
        ClassifyRequest request = TestImages.Png(1);
        spoil(request);
        return request;
    }

    private Tensor Tensor() => TestImages.Tensor(fixture.Bundle.Manifest.Input, 1);
}
