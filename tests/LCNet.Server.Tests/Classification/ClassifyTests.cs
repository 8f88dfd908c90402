using Google.Protobuf;
using LCNet.Bundles;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

public sealed class ClassifyTests(ServerFixture fixture)
{
    private TestServer Server => fixture.One;

    private BundleManifest Manifest => fixture.Bundle.Manifest;

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg, TestBundle.Side)]
    [InlineData(SKEncodedImageFormat.Png, TestBundle.Side)]
    [InlineData(SKEncodedImageFormat.Webp, 50)]
    [InlineData(SKEncodedImageFormat.Jpeg, 300)]
    public async Task Classify_Image_AnswersWithTrueBill(SKEncodedImageFormat format, int side)
    {
        for (int seed = 0; seed < 10; seed++)
        {
            ClassifyResponse reply = await Server.ClassifyAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(TestImages.Encode(format, seed, side)) });
            AssertBill(reply);
        }
    }

    [Fact]
    public async Task Classify_ManyImages_CostsDiffer()
    {
        var bills = new HashSet<long>();
        for (int seed = 0; seed < 20; seed++)
        {
            ClassifyResponse reply = await Server.ClassifyAsync(TestImages.Png(seed));
            AssertBill(reply);
            bills.Add(reply.Compute.ExecutedFlops);
        }

        Assert.True(bills.Count > 1);
    }

    [Fact]
    public async Task Classify_AllLabels_GivesSortedProbabilitiesThatAddUpToOne()
    {
        ClassifyRequest request = TestImages.Png(1);
        request.TopK = TestBundle.Labels;

        ClassifyResponse reply = await Server.ClassifyAsync(request);

        Assert.Equal(Enumerable.Range(0, TestBundle.Labels), reply.Predictions.Select(prediction => prediction.Index).Order());
        Assert.Equal(1, reply.Predictions.Sum(prediction => (double)prediction.Probability), 1e-5);
        Assert.Equal(reply.Predictions.Select(prediction => prediction.Probability).OrderDescending(), reply.Predictions.Select(prediction => prediction.Probability));
        Assert.All(reply.Predictions, prediction => Assert.Equal(Manifest.Labels[prediction.Index], prediction.Label));
    }

    [Fact]
    public async Task Classify_NoTopK_GivesTheFirstFive()
    {
        ClassifyRequest request = TestImages.Png(1);
        ClassifyResponse five = await Server.ClassifyAsync(request);
        request.TopK = TestBundle.Labels;
        ClassifyResponse all = await Server.ClassifyAsync(request);

        Assert.Equal(5, five.Predictions.Count);
        Assert.Equal(all.Predictions.Take(5), five.Predictions);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Classify_TensorOfThePixels_AnswersAsTheImageDoes(bool batched)
    {
        for (int seed = 0; seed < 5; seed++)
        {
            var request = new ClassifyRequest { Tensor = TestImages.Tensor(Manifest.Input, seed) };
            if (batched)
            {
                request.Tensor.Shape.Insert(0, 1);
            }

            ClassifyResponse tensor = await Server.ClassifyAsync(request);

            Assert.Equal(Essence(await Server.ClassifyAsync(TestImages.Png(seed))), Essence(tensor));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("request 17")]
    [InlineData("ünï ☃ 𝄞\n")]
    public async Task Classify_Id_IsReturned(string id)
    {
        ClassifyRequest request = TestImages.Png(1);
        request.Id = id;

        Assert.Equal(id, (await Server.ClassifyAsync(request)).Id);
    }

    [Fact]
    public async Task Classify_LongestId_IsReturned()
    {
        ClassifyRequest request = TestImages.Png(1);
        request.Id = string.Concat(Enumerable.Repeat("𝄞", 256));

        Assert.Equal(request.Id, (await Server.ClassifyAsync(request)).Id);
    }

    [Fact]
    public async Task Classify_Effort_IsTheOneThatGatesDecideAt()
    {
        ClassifyRequest request = TestImages.Png(1);
        Assert.Equal(1, (await Server.ClassifyAsync(request)).Compute.Effort);

        request.Effort = 0.3;
        ClassifyResponse reply = await Server.ClassifyAsync(request);

        Assert.Equal(0.3, reply.Compute.Effort);
        AssertBill(reply);
    }

    [Fact]
    public async Task Classify_NoEffort_TakesTheServersDefault()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "DefaultEffort=0.3");
        ClassifyRequest request = TestImages.Png(1);
        ClassifyResponse reply = await server.ClassifyAsync(request);
        request.Effort = 0.3;

        Assert.Equal(0.3, reply.Compute.Effort);
        Assert.Equal(Essence(await Server.ClassifyAsync(request)), Essence(reply));
    }

    [Fact]
    public async Task Classify_MaxFlops_IsNeverExceeded()
    {
        long minimum = fixture.Bundle.Flops.Minimum;
        long dense = fixture.Bundle.Flops.Dense;
        var bills = new HashSet<long>();
        for (int i = 0; i <= 60; i++)
        {
            long cap = minimum + ((dense - minimum) * i / 60);
            ClassifyRequest request = TestImages.Png(i);
            request.MaxFlops = cap;

            ClassifyResponse reply = await Server.ClassifyAsync(request);

            AssertBill(reply);
            Assert.InRange(reply.Compute.PlannedFlops, minimum, cap);
            Assert.InRange(reply.Compute.Effort, Manifest.Calibration[0].Effort, 1);
            bills.Add(reply.Compute.ExecutedFlops);
        }

        Assert.True(bills.Count > 5);
    }

    [Fact]
    public async Task Classify_MaxFlopsBeyondEveryPlan_AnswersAsFullEffortDoes()
    {
        ClassifyRequest capped = TestImages.Png(1);
        capped.MaxFlops = long.MaxValue;

        Assert.Equal(Essence(await Server.ClassifyAsync(TestImages.Png(1))), Essence(await Server.ClassifyAsync(capped)));
    }

    // What a reply says of one image, whenever it was asked.
    internal static ClassifyResponse Essence(ClassifyResponse reply)
    {
        ClassifyResponse essence = reply.Clone();
        essence.Compute.QueueUs = 0;
        essence.Compute.ExecuteUs = 0;
        return essence;
    }

    // Counted here from the manifest's coefficients, block by block.
    private void AssertBill(ClassifyResponse reply)
    {
        Assert.Equal(ServerFixture.Model, reply.Model);
        Assert.Equal("3", reply.Version);
        Compute compute = reply.Compute;
        long gates = Manifest.Spans.Sum(span => span.Flops);
        long bill = Manifest.Stem.Flops + gates + Manifest.Head.Flops;
        Assert.Equal(Manifest.Blocks.Count, compute.Blocks.Count);
        for (int i = 0; i < compute.Blocks.Count; i++)
        {
            BlockCompute block = compute.Blocks[i];
            BlockFlops flops = Manifest.Blocks[i].Flops;
            long kept = block.ChannelsRetained;
            Assert.Equal(Manifest.Blocks[i].Channels, block.ChannelsTotal);
            Assert.Equal(block.Executed, kept > 0);
            bill += flops.Shortcut + (flops.PerChannel * kept) + (flops.PerChannelSquared * kept * kept);
        }

        Assert.Equal(bill, compute.PlannedFlops);
        Assert.Equal(bill, compute.ExecutedFlops);
        Assert.Equal(gates, compute.GateFlops);
        Assert.Equal(Manifest.Dense.Flops, compute.DenseFlops);
        Assert.Equal(1, compute.BatchSize);
        Assert.Equal("cpu", compute.Device);
        Assert.True(compute.QueueUs >= 0);
        Assert.True(compute.ExecuteUs > 0);
    }
}
