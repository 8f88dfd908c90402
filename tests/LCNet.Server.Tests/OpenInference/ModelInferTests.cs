using Inference;
using LCNet.V1;
using SkiaSharp;
using static Inference.ModelInferRequest.Types;

namespace LCNet.Server.Tests;

public sealed class ModelInferTests(ServerFixture fixture)
{
    private static readonly string[] AllOutputs =
    [
        "probabilities", "logits", "label", "index", "planned_flops", "executed_flops", "effort", "channels_retained", "queue_us", "execute_us",
    ];

    private InferClient Client => new(fixture.One.Channel);

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 40)]
    [InlineData(true, 64)]
    public async Task ModelInfer_Images_EachRowIsTheUnaryAnswer(bool raw, int count)
    {
        byte[][] files = [.. Enumerable.Range(0, count).Select(
            seed => TestImages.Encode(seed % 3 == 0 ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Png, seed))];
        ModelInferRequest request = InferClient.Images(raw, files);
        request.Id = "batch ☃";

        ModelInferResponse reply = await Client.InferAsync(request);

        Assert.Equal((ServerFixture.Model, "3", "batch ☃"), (reply.ModelName, reply.ModelVersion, reply.Id));
        Assert.Equal(AllOutputs, reply.Outputs.Select(output => output.Name));
        Assert.Equal(raw ? AllOutputs.Length : 0, reply.RawOutputContents.Count);
        await AssertRowsAsync(reply, files.Select(file => new ClassifyRequest { EncodedImage = Google.Protobuf.ByteString.CopyFrom(file) }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ModelInfer_Tensors_EachRowIsTheUnaryAnswer(bool raw)
    {
        Tensor[] tensors = [.. Enumerable.Range(0, 30).Select(seed => TestImages.Tensor(fixture.Bundle.Manifest.Input, seed))];

        ModelInferResponse reply = await Client.InferAsync(InferClient.Tensors(raw, tensors.Length, [.. tensors.SelectMany(tensor => tensor.Values)]));

        await AssertRowsAsync(reply, tensors.Select(tensor => new ClassifyRequest { Tensor = tensor }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ModelInfer_AsKServesClientSendsByDefault_IsAnswered(bool areFiles)
    {
        // kserve.InferInput.set_data_from_numpy (binary_data=True is its default) and InferRequest.to_grpc: raw contents, and their length as a parameter of the tensor.
        ModelInferRequest request = areFiles
            ? InferClient.Images(raw: true, TestImages.Png(1).EncodedImage.ToByteArray())
            : InferClient.Tensors(raw: true, 1, [.. TestImages.Tensor(fixture.Bundle.Manifest.Input, 1).Values]);
        ModelInferRequest plain = request.Clone();
        request.Inputs[0].Parameters["binary_data_size"] = new InferParameter { Int64Param = request.RawInputContents[0].Length };
        request.Parameters["binary_data_output"] = new InferParameter { BoolParam = true };
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "probabilities", Parameters = { { "binary_data", new InferParameter { BoolParam = true } } } });

        ModelInferResponse reply = await new InferClient(fixture.One.Channel).InferAsync(request);

        Assert.Equal(InferClient.Floats(await new InferClient(fixture.One.Channel).InferAsync(plain), "probabilities"), InferClient.Floats(reply, "probabilities"));
    }

    [Fact]
    public async Task ModelInfer_WithWhatTritonsClientsSayWhereTheyMeanNothing_IsAnswered()
    {
        ModelInferRequest request = InferClient.Images(raw: true, TestImages.Png(1).EncodedImage.ToByteArray());
        request.Parameters["sequence_id"] = new InferParameter { Int64Param = 0 };
        request.Parameters["sequence_start"] = new InferParameter { BoolParam = false };
        request.Parameters["sequence_end"] = new InferParameter { BoolParam = false };
        request.Parameters["priority"] = new InferParameter { Uint64Param = 0 };
        request.Parameters["timeout"] = new InferParameter { Int64Param = 0 };
        request.Parameters["triton_enable_empty_final_response"] = new InferParameter { BoolParam = true };

        Assert.Equal(Grpc.Core.StatusCode.OK, (await new InferClient(fixture.One.Channel).StatusOfAsync(request)).StatusCode);
    }

    [Fact]
    public async Task ModelInfer_ColumnOfImages_IsABatch()
    {
        ModelInferRequest request = InferClient.Images(raw: true, Png(1), Png(2));
        request.Inputs[0].Shape.Add(1);

        Assert.Equal([2], (await Client.InferAsync(request)).Outputs.Single(output => output.Name == "label").Shape);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ModelInfer_RequestedOutputs_AreThoseReturned(bool raw)
    {
        ModelInferRequest request = InferClient.Images(raw, Png(1), Png(2));
        request.Outputs.Add(new InferRequestedOutputTensor
        {
            Name = "executed_flops",
            Parameters = { { "binary_data", new InferParameter { BoolParam = true } } },
        });
        request.Outputs.Add(new InferRequestedOutputTensor { Name = "label" });

        ModelInferResponse reply = await Client.InferAsync(request);

        Assert.Equal(["executed_flops", "label"], reply.Outputs.Select(output => output.Name));
        Assert.Equal(raw ? 2 : 0, reply.RawOutputContents.Count);
        Assert.Equal(2, InferClient.Longs(reply, "executed_flops").Length);
        Assert.All(InferClient.Texts(reply, "label"), label => Assert.Contains(label, fixture.Bundle.Manifest.Labels));
    }

    [Theory]
    [InlineData("double")]
    [InlineData("string")]
    public async Task ModelInfer_Effort_IsTheOneThatGatesDecideAt(string kind)
    {
        ModelInferRequest request = InferClient.Images(raw: true, Png(1), Png(2));
        request.Parameters.Add("effort", kind == "double" ? new InferParameter { DoubleParam = 0.3 } : new InferParameter { StringParam = "0.3" });

        ModelInferResponse reply = await Client.InferAsync(request);

        Assert.Equal([0.3, 0.3], InferClient.Doubles(reply, "effort"));
        await AssertRowsAsync(reply, new[] { 1, 2 }.Select(seed =>
        {
            ClassifyRequest unary = TestImages.Png(seed);
            unary.Effort = 0.3;
            return unary;
        }));
    }

    [Theory]
    [InlineData("int64")]
    [InlineData("uint64")]
    [InlineData("string")]
    public async Task ModelInfer_MaxFlops_CapsEveryImage(string kind)
    {
        long cap = fixture.Bundle.Flops.Minimum + ((fixture.Bundle.Flops.Dense - fixture.Bundle.Flops.Minimum) / 4);
        ModelInferRequest request = InferClient.Images(raw: true, [.. Enumerable.Range(0, 20).Select(Png)]);
        request.Parameters.Add("max_flops", kind switch
        {
            "int64" => new InferParameter { Int64Param = cap },
            "uint64" => new InferParameter { Uint64Param = (ulong)cap },
            _ => new InferParameter { StringParam = $"{cap}" },
        });

        ModelInferResponse reply = await Client.InferAsync(request);

        Assert.All(InferClient.Longs(reply, "executed_flops"), flops => Assert.InRange(flops, fixture.Bundle.Flops.Minimum, cap));
        await AssertRowsAsync(reply, Enumerable.Range(0, 20).Select(seed =>
        {
            ClassifyRequest unary = TestImages.Png(seed);
            unary.MaxFlops = cap;
            return unary;
        }));
    }

    [Theory]
    [InlineData("", "10")]
    [InlineData("9", "9")]
    public async Task ModelInfer_Version_IsTheOneAskedForOrTheHighest(string version, string expected)
    {
        ModelInferRequest request = InferClient.Images(raw: true, Png(1));
        request.ModelVersion = version;

        Assert.Equal(expected, (await new InferClient(fixture.Several.Channel).InferAsync(request)).ModelVersion);
    }

    [Fact]
    public async Task ModelInfer_NoRoomToWait_StillRunsWholeBatches()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");
        byte[][] files = [.. Enumerable.Range(0, 64).Select(Png)];
        for (int round = 0; round < 10; round++)
        {
            Assert.Equal(64, InferClient.Texts(await new InferClient(server.Channel).InferAsync(InferClient.Images(raw: true, files)), "label").Length);
        }
    }

    [Fact]
    public async Task ModelInfer_AlongsideOtherCalls_AnswersAsAloneItDoes()
    {
        const int Batches = 24;
        ModelInferRequest[] requests = [.. Enumerable.Range(0, Batches).Select(
            batch => InferClient.Images(batch % 2 == 0, [.. Enumerable.Range(batch * 7, 7).Select(Png)]))];
        float[][] expected = new float[Batches][];
        for (int i = 0; i < Batches; i++)
        {
            expected[i] = InferClient.Floats(await Client.InferAsync(requests[i]), "logits");
        }

        var options = new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken };
        await Parallel.ForAsync(0, Batches, options, async (i, _) =>
        {
            Task<ClassifyResponse> unary = fixture.One.ClassifyAsync(TestImages.Png(i));
            Assert.Equal(expected[i], InferClient.Floats(await Client.InferAsync(requests[i]), "logits"));
            await unary;
        });

        Assert.Equal(Batches * 7, expected.SelectMany(logits => logits.Chunk(TestBundle.Labels)).Select(row => row[0]).Distinct().Count());
    }

    private static byte[] Png(int seed) => TestImages.Encode(SKEncodedImageFormat.Png, seed);

    private async Task AssertRowsAsync(ModelInferResponse reply, IEnumerable<ClassifyRequest> unary)
    {
        float[][] probabilities = [.. InferClient.Floats(reply, "probabilities").Chunk(TestBundle.Labels)];
        float[][] logits = [.. InferClient.Floats(reply, "logits").Chunk(TestBundle.Labels)];
        long[][] channels = [.. InferClient.Longs(reply, "channels_retained").Chunk(fixture.Bundle.Manifest.Blocks.Count)];
        string[] labels = InferClient.Texts(reply, "label");
        long[] indices = InferClient.Longs(reply, "index");
        long[] planned = InferClient.Longs(reply, "planned_flops");
        long[] executed = InferClient.Longs(reply, "executed_flops");
        double[] efforts = InferClient.Doubles(reply, "effort");
        var bills = new List<Compute>();
        foreach ((int row, ClassifyRequest request) in unary.Index())
        {
            request.TopK = TestBundle.Labels;
            ClassifyResponse answer = await fixture.One.ClassifyAsync(request);
            Assert.Equal(answer.Predictions.OrderBy(prediction => prediction.Index).Select(prediction => prediction.Probability), probabilities[row]);
            Assert.Equal(answer.Predictions[0].Index, Array.IndexOf(logits[row], logits[row].Max()));
            Assert.Equal(answer.Predictions[0].Index, indices[row]);
            Assert.Equal(answer.Predictions[0].Label, labels[row]);
            Assert.Equal(answer.Compute.PlannedFlops, planned[row]);
            Assert.Equal(answer.Compute.ExecutedFlops, executed[row]);
            Assert.Equal(answer.Compute.Effort, efforts[row]);
            Assert.Equal(answer.Compute.Blocks.Select(block => (long)block.ChannelsRetained), channels[row]);
            bills.Add(answer.Compute);
        }

        Assert.Equal(bills.Count, labels.Length);
        Assert.All(InferClient.Longs(reply, "queue_us"), time => Assert.True(time >= 0));
        Assert.All(InferClient.Longs(reply, "execute_us"), time => Assert.True(time > 0));
        Assert.Equal(bills.Sum(bill => bill.DenseFlops), reply.Parameters["dense_flops"].Int64Param);
        Assert.Equal(bills.Sum(bill => bill.PlannedFlops), reply.Parameters["planned_flops"].Int64Param);
        Assert.Equal(bills.Sum(bill => bill.ExecutedFlops), reply.Parameters["executed_flops"].Int64Param);
        Assert.Equal(bills.Sum(bill => bill.GateFlops), reply.Parameters["gate_flops"].Int64Param);
        Assert.Equal("cpu", reply.Parameters["device"].StringParam);
    }
}
