using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using LCNet.V1;

namespace LCNet.Deploy.Tests;

/// <summary>Clients that are not ours, against the real server with the shipped bundle.</summary>
public sealed class ForeignClientTests(ServerFace server)
{
    private const string Python = "/usr/bin/python3";
    private static readonly string[] Images = [.. Directory.GetFiles(Repository.PathOf("tests/data/cifar10"), "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Where((_, i) => i % 3 == 0)];

    [Theory]
    [InlineData("--data-binary", "@")]
    [InlineData("-F", "image=@")]
    public async Task Curl_OneLine_ClassifiesAnImage(string option, string prefix)
    {
        Assert.SkipUnless(Programs.Exists("curl"), "curl is not installed.");
        string image = Images[0];

        (int code, string output) = await Programs.RunAsync("curl", "-sS", "--fail-with-body", option, prefix + image, $"http://127.0.0.1:{server.HttpPort}/v1/classify?effort=0.5");

        Assert.True(code == 0, output);
        ClassifyResponse reply = JsonParser.Default.Parse<ClassifyResponse>(output);
        ClassifyResponse expected = await server.Client.ClassifyAsync(
            new ClassifyRequest { EncodedImage = ByteString.CopyFrom(await File.ReadAllBytesAsync(image, TestContext.Current.CancellationToken)), Effort = 0.5 },
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(expected.Predictions, reply.Predictions);
        Assert.Equal(expected.Compute.ExecutedFlops, reply.Compute.ExecutedFlops);
    }

    [Fact]
    public async Task Python_InTheFormOfTritonsClient_ClassifiesABatchByGrpcAndHttp()
    {
        Assert.SkipUnless(
            Programs.Exists("protoc") && File.Exists(Python) && (await Programs.RunAsync(Python, "-c", "import grpc, google.protobuf")).Code == 0,
            "protoc, or Python with grpc and protobuf, is not installed (Debian: protobuf-compiler, python3-grpcio, python3-protobuf).");
        string generated = Directory.CreateTempSubdirectory("lcnet-protos-").FullName;
        try
        {
            (int made, string problem) = await Programs.RunAsync("protoc", $"--python_out={generated}", $"-I{Repository.PathOf("protos")}", Repository.PathOf("protos/inference/grpc_predict_v2.proto"));
            Assert.True(made == 0, problem);

            (int code, string output) = await Programs.RunAsync(
                Python, [Repository.PathOf("tests/LCNet.Deploy.Tests/Clients/infer.py"), Text(server.GrpcPort), Text(server.HttpPort), generated, .. Images]);

            Assert.True(code == 0, output);
            JsonNode answers = JsonNode.Parse(output)!;
            Assert.Equal(answers["grpc"]!.ToJsonString(), answers["http"]!.ToJsonString());
            string[] classes = answers["http"]!["classes"].Deserialize<string[]>()!;
            long[] flops = answers["http"]!["flops"].Deserialize<long[]>()!;
            Assert.Equal(flops.Sum(), (long)answers["http"]!["planned"]!);
            for (int i = 0; i < Images.Length; i++)
            {
                ClassifyResponse expected = await server.Client.ClassifyAsync(
                    new ClassifyRequest { EncodedImage = ByteString.CopyFrom(await File.ReadAllBytesAsync(Images[i], TestContext.Current.CancellationToken)) },
                    cancellationToken: TestContext.Current.CancellationToken);
                Assert.EndsWith($":{expected.Predictions[0].Index}:{expected.Predictions[0].Label}", classes[i], StringComparison.Ordinal);
                Assert.Equal(expected.Compute.ExecutedFlops, flops[i]);
            }
        }
        finally
        {
            Directory.Delete(generated, recursive: true);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
