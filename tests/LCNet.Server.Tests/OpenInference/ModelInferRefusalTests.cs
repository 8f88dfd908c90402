using Google.Protobuf;
using Grpc.Core;
using Inference;
using SkiaSharp;
using static Inference.ModelInferRequest.Types;

namespace LCNet.Server.Tests;

public sealed class ModelInferRefusalTests(ServerFixture fixture)
{
    private static byte[] Png => TestImages.Encode(SKEncodedImageFormat.Png, 1);

    [Fact]
    public async Task ModelInfer_EmptyRequest_IsInvalid() => await AssertRefusedAsync(new ModelInferRequest(), "inputs: there are 0", "image", "tensor");

    [Fact]
    public async Task ModelInfer_TwoInputs_IsInvalid() =>
        await AssertRefusedAsync(Good(request => request.Inputs.Add(request.Inputs[0].Clone())), "inputs: there are 2");

    [Theory]
    [InlineData("")]
    [InlineData("Image")]
    [InlineData("input__0")]
    public async Task ModelInfer_UnknownInput_IsInvalid(string name) =>
        await AssertRefusedAsync(Good(request => request.Inputs[0].Name = name), "inputs[0].name", $"'{name}'", "image", "tensor");

    [Theory]
    [InlineData("image", "FP32", "BYTES")]
    [InlineData("image", "", "BYTES")]
    [InlineData("tensor", "FP64", "FP32")]
    [InlineData("tensor", "BYTES", "FP32")]
    public async Task ModelInfer_WrongDatatype_IsInvalid(string name, string datatype, string right) =>
        await AssertRefusedAsync(
            Spoil(name == "image" ? InferClient.Images(raw: true, Png) : Tensors(raw: true), request => request.Inputs[0].Datatype = datatype),
            "inputs[0].datatype", $"'{datatype}'", right);

    [Theory]
    [InlineData]
    [InlineData(1L, 2L)]
    [InlineData(1L, 1L, 1L)]
    public async Task ModelInfer_ImagesOfWrongShape_IsInvalid(params long[] shape) =>
        await AssertRefusedAsync(Shaped(InferClient.Images(raw: true, Png), shape), "inputs[0].shape", $"[{string.Join(", ", shape)}]", "[n, 1]");

    [Theory]
    [InlineData]
    [InlineData(1L)]
    [InlineData(3L, 16L, 16L)]
    [InlineData(1L, 16L, 16L, 3L)]
    [InlineData(1L, 3L, 16L, 17L)]
    [InlineData(1L, 3L, 16L, 16L, 1L)]
    [InlineData(1L, -3L, -16L, 16L)]
    public async Task ModelInfer_TensorsOfWrongShape_IsInvalid(params long[] shape) =>
        await AssertRefusedAsync(Shaped(Tensors(raw: true), shape), "inputs[0].shape", "[n, 3, 16, 16]");

    [Theory]
    [InlineData(0L)]
    [InlineData(-1L)]
    [InlineData(65L)]
    [InlineData(long.MaxValue)]
    public async Task ModelInfer_BatchOutOfRange_IsInvalid(long count)
    {
        await AssertRefusedAsync(Shaped(InferClient.Images(raw: true, Png), count), "inputs[0].shape", $"{count} images", "1 to 64");
        await AssertRefusedAsync(Shaped(Tensors(raw: false), count, 3, 16, 16), "inputs[0].shape", $"{count} images", "1 to 64");
    }

    [Fact]
    public async Task ModelInfer_BatchOverTheServersOwnLimit_IsInvalid()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxBatch=2");

        Assert.Equal(StatusCode.OK, (await new InferClient(server.Channel).StatusOfAsync(InferClient.Images(raw: true, Png, Png))).StatusCode);
        Status status = await new InferClient(server.Channel).StatusOfAsync(InferClient.Images(raw: true, Png, Png, Png));
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.Contains("1 to 2", status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelInfer_NoContents_IsInvalid()
    {
        static void Empty(ModelInferRequest request) => request.Inputs[0].Contents = null;
        await AssertRefusedAsync(Spoil(InferClient.Images(raw: false, Png), Empty), "inputs[0].contents.bytes_contents", "there are 0", "1");
        await AssertRefusedAsync(Spoil(Tensors(raw: false), Empty), "inputs[0].contents.fp32_contents", "768");
    }

    [Fact]
    public async Task ModelInfer_OtherContents_IsInvalid() =>
        await AssertRefusedAsync(
            Spoil(Tensors(raw: false), request => request.Inputs[0].Contents.Fp64Contents.Add(1)), "inputs[0].contents.fp64_contents", "fp32_contents");

    [Fact]
    public async Task ModelInfer_RawAndTypedContents_IsInvalid() =>
        await AssertRefusedAsync(
            Good(request => request.Inputs[0].Contents = new InferTensorContents { BytesContents = { ByteString.Empty } }),
            "raw_input_contents", "contents", "only one");

    [Fact]
    public async Task ModelInfer_MoreRawContentsThanInputs_IsInvalid() =>
        await AssertRefusedAsync(Good(request => request.RawInputContents.Add(ByteString.Empty)), "raw_input_contents: there are 2");

    [Theory]
    [InlineData(0, "element 0")]
    [InlineData(3, "element 0")]
    [InlineData(4, "element 0 has")]
    [InlineData(-1, "element 0 has")]
    public async Task ModelInfer_RawImagesCutShort_IsInvalid(int length, string problem)
    {
        ModelInferRequest request = InferClient.Images(raw: true, Png);
        byte[] raw = request.RawInputContents[0].ToByteArray();
        request.RawInputContents[0] = ByteString.CopyFrom(length < 0 ? raw[..^1] : raw[..length]);

        await AssertRefusedAsync(request, "raw_input_contents[0]", problem);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public async Task ModelInfer_RawImageOfAnyLength_IsInvalid(int length)
    {
        ModelInferRequest request = InferClient.Images(raw: true, Png);
        request.RawInputContents[0] = ByteString.CopyFrom([.. InferClient.LittleEndian(length), .. Png]);

        await AssertRefusedAsync(request, "raw_input_contents[0]", $"{(uint)length}");
    }

    [Fact]
    public async Task ModelInfer_MoreRawImagesThanTheShapeHas_IsInvalid() =>
        await AssertRefusedAsync(Shaped(InferClient.Images(raw: true, Png, Png), 1), "raw_input_contents[0]", "bytes after its 1 elements");

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task ModelInfer_TypedImagesOfAnotherCount_IsInvalid(int count) =>
        await AssertRefusedAsync(
            Shaped(InferClient.Images(raw: false, [.. Enumerable.Repeat(Png, count)]), 1), "inputs[0].contents.bytes_contents", $"there are {count}");

    [Theory]
    [InlineData(3068)]
    [InlineData(3071)]
    [InlineData(3076)]
    public async Task ModelInfer_RawTensorOfWrongLength_IsInvalid(int length)
    {
        ModelInferRequest request = Tensors(raw: true);
        request.RawInputContents[0] = ByteString.CopyFrom(new byte[length]);

        await AssertRefusedAsync(request, "raw_input_contents[0]", $"{length} bytes", "3072");
    }

    [Theory]
    [InlineData(767)]
    [InlineData(769)]
    public async Task ModelInfer_TypedTensorOfWrongLength_IsInvalid(int length) =>
        await AssertRefusedAsync(InferClient.Tensors(raw: false, 1, new float[length]), "inputs[0].contents.fp32_contents", $"{length}", "768");

    [Theory]
    [InlineData(false, "fp32_contents")]
    [InlineData(true, "raw_input_contents[0]")]
    public async Task ModelInfer_ValueNotFinite_IsInvalid(bool raw, string field)
    {
        float[] values = new float[2 * 768];
        values[900] = float.NaN;
        await AssertRefusedAsync(InferClient.Tensors(raw, 2, values), field, "value 900", "NaN");
    }

    [Fact]
    public async Task ModelInfer_TensorThatOverflowsTheNetwork_IsInvalid()
    {
        float[] values = new float[2 * 768];
        Array.Fill(values, float.MaxValue, 768, 768);
        await AssertRefusedAsync(InferClient.Tensors(raw: true, 2, values), "raw_input_contents[0], image 1", "E+38");
    }

    [Theory]
    [InlineData(false, "bytes_contents[2]")]
    [InlineData(true, "raw_input_contents[0], image 2")]
    public async Task ModelInfer_OneImageUnreadable_IsInvalidAndNamesIt(bool raw, string field)
    {
        await AssertRefusedAsync(InferClient.Images(raw, Png, Png, "GIF89a"u8.ToArray(), Png), field, "JPEG");
        await AssertRefusedAsync(InferClient.Images(raw, Png, Png, TestImages.PngBomb(60000, 60000)), field, "60000×60000", "16777216");
        await AssertRefusedAsync(InferClient.Images(raw, Png, Png, []), field, "empty");
    }

    [Fact]
    public async Task ModelInfer_ImageOverTheLimit_IsInvalid() =>
        await AssertRefusedAsync(InferClient.Images(raw: true, new byte[(8 * 1024 * 1024) + 1]), "raw_input_contents[0], image 0", "8388609", "8388608");

    [Fact]
    public async Task ModelInfer_RequestOverTheLimit_IsRefusedUnread() =>
        await AssertRefusedAsync(InferClient.Images(raw: true, new byte[5_000_000], new byte[5_000_000]), "8454144");

    [Theory]
    [InlineData("effort", 0.0)]
    [InlineData("effort", 1.5)]
    [InlineData("effort", double.NaN)]
    [InlineData("effort", "")]
    [InlineData("effort", "high")]
    [InlineData("effort", true)]
    [InlineData("max_flops", 1L)]
    [InlineData("max_flops", 1.5)]
    [InlineData("max_flops", "1e9")]
    [InlineData("efort", 0.5)]
    [InlineData("sequence_id", 1L)]
    [InlineData("sequence_start", true)]
    [InlineData("priority", 2L)]
    [InlineData("timeout", 1000L)]
    public async Task ModelInfer_WrongParameter_IsInvalid(string name, object value) =>
        await AssertRefusedAsync(Good(request => request.Parameters.Add(name, Parameter(value))), "parameters", name);

    [Fact]
    public async Task ModelInfer_EmptyParameter_IsInvalid() =>
        await AssertRefusedAsync(Good(request => request.Parameters.Add("effort", new InferParameter())), "parameters.effort");

    [Fact]
    public async Task ModelInfer_EffortAndMaxFlops_IsInvalid() =>
        await AssertRefusedAsync(
            Good(request =>
            {
                request.Parameters.Add("effort", Parameter(0.5));
                request.Parameters.Add("max_flops", Parameter(long.MaxValue));
            }),
            "parameters.effort, parameters.max_flops", "only one");

    [Fact]
    public async Task ModelInfer_ParameterOfATensor_IsInvalid()
    {
        await AssertRefusedAsync(
            Good(request => request.Inputs[0].Parameters.Add("shared_memory_region", Parameter("x"))), "inputs[0].parameters", "shared_memory_region");
        await AssertRefusedAsync(
            Good(request => request.Outputs.Add(new InferRequestedOutputTensor { Name = "label", Parameters = { { "classification", Parameter(3L) } } })),
            "outputs[0].parameters", "classification");
    }

    [Fact]
    public async Task ModelInfer_WrongOutput_IsInvalid()
    {
        var label = new InferRequestedOutputTensor { Name = "label" };
        await AssertRefusedAsync(Good(request => request.Outputs.Add(new InferRequestedOutputTensor { Name = "softmax" })), "outputs[0].name", "'softmax'");
        await AssertRefusedAsync(Good(request => request.Outputs.Add([label, label])), "outputs[1].name", "label");
        await AssertRefusedAsync(Good(request => request.Outputs.Add(Enumerable.Repeat(label, 50_000))), "outputs: there are 50000");
    }

    [Fact]
    public async Task ModelInfer_IdTooLong_IsInvalid() => await AssertRefusedAsync(Good(request => request.Id = new string('x', 257)), "id", "256");

    [Fact]
    public async Task ModelInfer_SeveralErrors_NamesAllOfThem() =>
        await AssertRefusedAsync(
            new ModelInferRequest
            {
                Id = new string('x', 300),
                Parameters = { { "effort", Parameter(2.0) } },
                Outputs = { new InferRequestedOutputTensor { Name = "x" } },
            },
            "id:", "parameters.effort:", "inputs:", "outputs[0].name:");

    [Theory]
    [InlineData("nobody", "", "model_name")]
    [InlineData("alpha", "4", "model_version")]
    public async Task ModelInfer_UnknownModel_IsNotFound(string model, string version, string field) =>
        await AssertRefusedAsync(
            StatusCode.NotFound,
            Good(request =>
            {
                request.ModelName = model;
                request.ModelVersion = version;
            }),
            field);

    private static ModelInferRequest Good(Action<ModelInferRequest> spoil) => Spoil(InferClient.Images(raw: true, Png), spoil);

    private static ModelInferRequest Tensors(bool raw) => InferClient.Tensors(raw, 1, new float[768]);

    private static ModelInferRequest Spoil(ModelInferRequest request, Action<ModelInferRequest> spoil)
    {
        spoil(request);
        return request;
    }

    private static ModelInferRequest Shaped(ModelInferRequest request, params long[] shape) => Spoil(request, _ =>
    {
        request.Inputs[0].Shape.Clear();
        request.Inputs[0].Shape.Add(shape);
    });

    private static InferParameter Parameter(object value) => value switch
    {
        bool flag => new InferParameter { BoolParam = flag },
        long whole => new InferParameter { Int64Param = whole },
        double number => new InferParameter { DoubleParam = number },
        _ => new InferParameter { StringParam = (string)value },
    };

    private Task AssertRefusedAsync(ModelInferRequest request, params string[] parts) => AssertRefusedAsync(StatusCode.InvalidArgument, request, parts);

    private async Task AssertRefusedAsync(StatusCode code, ModelInferRequest request, params string[] parts)
    {
        var client = new InferClient(fixture.One.Channel);
        Status status = await client.StatusOfAsync(request);
        Assert.Equal(code, status.StatusCode);
        Assert.All(parts, part => Assert.Contains(part, status.Detail, StringComparison.Ordinal));
        Assert.Equal(StatusCode.OK, (await client.StatusOfAsync(InferClient.Images(raw: true, Png))).StatusCode);
    }
}
