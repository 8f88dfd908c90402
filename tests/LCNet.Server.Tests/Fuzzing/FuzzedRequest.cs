using Google.Protobuf;
using Grpc.Health.V1;
using Inference;
using LCNet.Fuzzing;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>A request that something is wrong with, more or less, as it travels.</summary>
/// <param name="Path">The method.</param>
/// <param name="Body">Frames.</param>
/// <param name="Headers">Besides the usual ones.</param>
internal sealed record FuzzedRequest(string Path, byte[] Body, IReadOnlyList<(string Name, string Value)> Headers)
{
    private static readonly byte[][] Files =
    [
        TestImages.Encode(SKEncodedImageFormat.Png, 1),
        TestImages.Encode(SKEncodedImageFormat.Jpeg, 2),
        TestImages.Encode(SKEncodedImageFormat.Webp, 3),
        TestImages.Encode(SKEncodedImageFormat.Jpeg, 4, 40),
        TestImages.PngBomb(50_000, 50_000),
    ];

    private static readonly (string Name, string Value)[] OddHeaders =
    [
        ("grpc-timeout", "10S"), ("grpc-timeout", "1n"), ("grpc-timeout", "99999999999S"), ("grpc-timeout", "soon"), ("grpc-timeout", "-1S"),
        ("grpc-encoding", "gzip"), ("grpc-encoding", "rot13"), ("grpc-accept-encoding", "identity,,gzip"), ("x-bin-bin", "!!"), ("traceparent", "00-zz-zz-01"),
        ("authorization", "Bearer nobody"), ("x-long", new string('h', 6000)),
    ];

    /// <summary>Makes one.</summary>
    public static FuzzedRequest Make(int seed)
    {
        var random = new Random(seed);
        var mutator = new MessageMutator(random);
        (string path, Func<IMessage> good) = Pick(random);
        int messages = path.EndsWith("Stream", StringComparison.Ordinal) ? random.Next(4) : random.Next(20) == 0 ? random.Next(3) : 1;
        byte[] body = [.. Enumerable.Range(0, messages).SelectMany(_ => Frame(random, mutator, good()))];
        (string, string)[] headers = random.Next(6) == 0 ? [OddHeaders[random.Next(OddHeaders.Length)]] : [];
        return new FuzzedRequest(path, random.Next(25) == 0 ? mutator.Mutate(body) : body, headers);
    }

    private static byte[] Frame(Random random, MessageMutator mutator, IMessage message)
    {
        if (random.Next(10) != 0)
        {
            mutator.Mutate(message);
        }

        byte[] bytes = message.ToByteArray();
        return RawRequest.Frame(random.Next(6) == 0 ? mutator.Mutate(bytes) : bytes, compressed: random.Next(50) == 0);
    }

    private static (string Path, Func<IMessage> Good) Pick(Random random)
    {
        const string Ours = "/lcnet.v1.Classifier/";
        const string Open = "/inference.GRPCInferenceService/";
        byte[] file = Files[random.Next(Files.Length)];
        return random.Next(14) switch
        {
            < 3 => (Ours + "Classify", () => new ClassifyRequest { EncodedImage = ByteString.CopyFrom(file), Effort = 0.5, MaxFlops = long.MaxValue, TopK = 2, Id = "a" }),
            3 => (Ours + "Classify", () => new ClassifyRequest { Tensor = new Tensor { Shape = { 3, 16, 16 }, Values = { new float[768] } }, Model = ServerFixture.Model }),
            < 6 => (Ours + "ClassifyStream", () => new ClassifyRequest { EncodedImage = ByteString.CopyFrom(file), Id = "s" }),
            < 8 => (Open + "ModelInfer", () => InferClient.Images(raw: random.Next(2) == 0, file, file)),
            8 => (Open + "ModelInfer", () => InferClient.Tensors(raw: random.Next(2) == 0, 1, new float[768])),
            9 => (Open + "ModelMetadata", () => new ModelMetadataRequest { Name = ServerFixture.Model, Version = "3" }),
            10 => (Open + "ModelReady", () => new ModelReadyRequest { Name = ServerFixture.Model }),
            11 => (Ours + "GetModel", () => new GetModelRequest { Model = ServerFixture.Model, Version = "3" }),
            12 => ("/grpc.health.v1.Health/Check", () => new HealthCheckRequest { Service = "lcnet.v1.Classifier" }),
            _ => (Ours + "ListModels", () => new ListModelsRequest()),
        };
    }
}
