using System.Text.Json;
using Grpc.Core;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary><c>verify</c>: what the whole network makes of an image, beside its answer, against the static network in ONNX Runtime.</summary>
public sealed class VerifyTests(ServerFixture fixture)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ExecutorKind.Simd)]
    [InlineData(ExecutorKind.OnnxRuntime)]
    [InlineData(ExecutorKind.Batched)]
    public async Task Classify_Verify_TellsWhatTheStaticNetworkMakesOfTheImageAndBothBills(ExecutorKind executor)
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, $"Executor={executor}");
        using var dense = new DenseNetwork(fixture.Bundle, ComputeDevice.Parse("cpu"));
        using var metrics = new MetricCapture(server);
        float[] logits = new float[TestBundle.Labels];
        long executed = 0;
        var agreed = new HashSet<bool>();
        for (int seed = 0; seed < 60; seed++)
        {
            var request = new ClassifyRequest { Tensor = TestImages.Tensor(fixture.Bundle.Manifest.Input, seed), Effort = 0.25 };
            ClassifyResponse without = await server.ClassifyAsync(request);
            Assert.Null(without.Verification);
            request.Verify = true;
            ClassifyResponse reply = await server.ClassifyAsync(request);

            dense.Run(request.Tensor.Values.ToArray(), logits);
            (int index, float probability) = Predictions.Top(logits, 1)[0];
            Verification verification = reply.Verification;
            Assert.Equal((index, fixture.Bundle.Manifest.Labels[index]), (verification.Prediction.Index, verification.Prediction.Label));
            Assert.Equal(probability, verification.Prediction.Probability, 1e-4f);
            Assert.Equal(reply.Predictions[0].Index == index, verification.Agrees);
            Assert.Equal(fixture.Bundle.Flops.Dense, verification.PlannedFlops);
            Assert.True(verification.ExecutedFlops >= fixture.Bundle.Flops.Dense && verification.ExecuteUs > 0);
            Assert.Equal(without.Predictions[0].Index, reply.Predictions[0].Index);
            Assert.Equal(without.Compute.PlannedFlops, reply.Compute.PlannedFlops);
            executed += verification.ExecutedFlops;
            agreed.Add(verification.Agrees);
        }

        Assert.Equal(2, agreed.Count);
        Assert.Equal(executed, await MetricCheck.CountAsync(metrics, $"lcnet.whole.flops{{model={ServerFixture.Model},reason=verify}}", executed));
    }

    [Fact]
    public async Task ClassifyOverHttp_Verify_AnswersAsGrpcDoes()
    {
        using var content = new ByteArrayContent(TestImages.Png(1).EncodedImage.ToByteArray());
        using HttpResponseMessage answer = await fixture.One.Http.PostAsync(new Uri("/v1/classify?effort=0.25&verify=true", UriKind.Relative), content, Token);
        JsonElement json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token)).RootElement;
        ClassifyRequest request = TestImages.Png(1);
        (request.Effort, request.Verify) = (0.25, true);
        Verification expected = (await fixture.One.ClassifyAsync(request)).Verification;

        JsonElement verification = json.GetProperty("verification");
        Assert.Equal(expected.Prediction.Label, verification.GetProperty("prediction").GetProperty("label").GetString());
        Assert.Equal(expected.Agrees, verification.GetProperty("agrees").GetBoolean());
        Assert.Equal($"{expected.ExecutedFlops}", verification.GetProperty("executedFlops").GetString());
    }

    [Fact]
    public async Task Classify_KeyThatMayNotVerify_IsRefusedAndAnswersWithout()
    {
        using var files = new SecurityFiles();
        (string plain, string full) = (SecurityFiles.NewKey(), SecurityFiles.NewKey());
        files.WriteKeys(SecurityFiles.Entry("plain", plain, verify: false), SecurityFiles.Entry("full", full));
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, $"ApiKeys={files.Keys}");
        using var refused = new Somebody(server, plain);
        using var allowed = new Somebody(server, full);
        ClassifyRequest request = TestImages.Png(1);
        request.Verify = true;

        RpcException refusal = await Assert.ThrowsAsync<RpcException>(async () => await refused.Client.ClassifyAsync(request, refused.Headers, TestServer.Deadline, Token));

        Assert.Equal((StatusCode.PermissionDenied, "verify: the API key may not ask for it"), (refusal.StatusCode, refusal.Status.Detail));
        await refused.ClassifyAsync();
        Assert.NotNull((await allowed.Client.ClassifyAsync(request, allowed.Headers, TestServer.Deadline, Token)).Verification);
    }

    [Fact]
    public async Task Classify_VerifyWhileItWaits_CountsAtTheCostOfBothRuns()
    {
        await using HeldServer held = await HeldServer.StartAsync(fixture.OneModel);
        (TestServer server, MetricCapture metrics) = (held.Server, held.Metrics);
        held.Close();
        Task<ClassifyResponse> first = server.ClassifyAsync(TestImages.Png(1));
        await WaitAsync(metrics, 0, server);
        ClassifyRequest request = TestImages.Png(2);
        Task<ClassifyResponse> plain = server.ClassifyAsync(request);
        double one = await WaitAsync(metrics, 1, server);
        request = TestImages.Png(3);
        request.Verify = true;
        Task<ClassifyResponse> verified = server.ClassifyAsync(request);

        double both = await WaitAsync(metrics, 2, server);

        Assert.Equal(one + one + fixture.Bundle.Flops.Dense, both);
        held.Open();
        await Task.WhenAll(first, plain, verified);
    }

    // Until so many images wait, while one runs.
    private static async Task<double> WaitAsync(MetricCapture metrics, int images, TestServer server)
    {
        string model = $"{{model={ServerFixture.Model}}}";
        bool reached = await Eventually.GetAsync(
            () =>
            {
                metrics.Observe();
                return Task.FromResult(metrics.Sum($"lcnet.queue.depth{model}") == images && metrics.Sum($"lcnet.in_flight{model}") == images + 1);
            },
            found => found);
        Assert.True(reached, string.Join('\n', server.Errors));
        return metrics.Sum($"lcnet.queue.flops{model}");
    }
}
