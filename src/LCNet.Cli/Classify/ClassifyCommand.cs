using System.CommandLine;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.Bundles;
using LCNet.Client;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.V1;

namespace LCNet.Cli.Classify;

/// <summary><c>lcnet classify</c>: classifies images here, or on a server.</summary>
internal static class ClassifyCommand
{
    // As the server's, see classifier.proto.
    private const int DefaultTopK = 5;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static Command Create()
    {
        var images = new Argument<string[]>("images") { Description = "JPEG, PNG, WebP or BMP files.", Arity = ArgumentArity.OneOrMore };
        var bundle = new Option<string?>("--bundle") { Description = "Classify here with the bundle in this folder." };
        var server = new Option<string?>("--server") { Description = "Classify on the server at this address, for example http://localhost:8001." };
        var model = new Option<string>("--model") { Description = "The server's model; may be left out where it serves one.", DefaultValueFactory = _ => string.Empty };
        var effort = NumberOption.Of<double>("--effort", "How hard the network may try, in (0, 1].");
        var cap = NumberOption.Of<long>("--max-flops", "A cap on each image's FLOPs.");
        var top = NumberOption.Of<int>("--top-k", "Predictions to print. Default: 5, or all where the model has fewer labels.");
        var command = new Command("classify", "Classify images and print what each one cost.") { images, bundle, server, model, effort, cap, top };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(bundle) is null == parsed.GetValue(server) is null)
            {
                throw new ArgumentException("Give one of --bundle and --server.");
            }

            if (parsed.GetValue(effort) is not null && parsed.GetValue(cap) is not null)
            {
                throw new ArgumentException("Give at most one of --effort and --max-flops.");
            }

            var request = new ClassifyRequest { Model = parsed.GetValue(model)! };
            if (parsed.GetValue(top) is int count)
            {
                request.TopK = count;
            }

            if (parsed.GetValue(effort) is double effortValue)
            {
                request.Effort = effortValue;
            }

            if (parsed.GetValue(cap) is long capValue)
            {
                request.MaxFlops = capValue;
            }

            string[] files = parsed.GetValue(images)!;
            return parsed.GetValue(server) is string address
                ? await OnServerAsync(files, address, request, cancellation)
                : await HereAsync(files, parsed.GetValue(bundle)!, request, cancellation);
        });
        return command;
    }

    private static async Task<int> OnServerAsync(string[] files, string address, ClassifyRequest request, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"--server: '{address}' is not an address like http://localhost:8001.");
        }

        using var channel = GrpcChannel.ForAddress(uri, new GrpcChannelOptions { HttpHandler = LcNetClient.CreateHandler(), DisposeHttpClient = true, MaxSendMessageSize = null });
        var client = new LcNetClient(new Classifier.ClassifierClient(channel), new LcNetClientOptions { Timeout = Deadline });
        return await EachAsync(files, ClassifyAsync, cancellation);

        async Task ClassifyAsync(string file, byte[] encoded)
        {
            request.EncodedImage = UnsafeByteOperations.UnsafeWrap(encoded);
            ClassifyResponse reply = await client.ClassifyAsync(request, cancellation);
            Print(
                file,
                reply.Predictions.Select(prediction => (prediction.Label, prediction.Probability)),
                reply.Compute.PlannedFlops,
                reply.Compute.DenseFlops,
                reply.Compute.Blocks.Select(block => (block.ChannelsRetained, block.ChannelsTotal)),
                TimeSpan.FromMicroseconds(reply.Compute.ExecuteUs));
        }
    }

    private static async Task<int> HereAsync(string[] files, string folder, ClassifyRequest request, CancellationToken cancellation)
    {
        using InferenceEngine engine = InferenceEngine.Load(Bundle.Open(folder), new EngineOptions());
        using EngineSession session = engine.CreateSession();
        BundleManifest manifest = engine.Bundle.Manifest;
        int top = request.HasTopK ? request.TopK : Math.Min(DefaultTopK, manifest.Labels.Count);
        if (top < 1 || top > manifest.Labels.Count)
        {
            throw new ArgumentException($"--top-k: {top} is outside 1 to {manifest.Labels.Count}.");
        }

        if (request.HasEffort && !(request.Effort is > 0 and <= 1))
        {
            throw new ArgumentException($"--effort: {request.Effort} is outside (0, 1].");
        }

        if (request.HasMaxFlops && request.MaxFlops < engine.Bundle.Flops.Minimum)
        {
            throw new ArgumentException($"--max-flops: {request.MaxFlops} is below {engine.Bundle.Flops.Minimum}, the cost of the cheapest path.");
        }

        long cap = request.HasMaxFlops ? request.MaxFlops : Planner.NoCap;
        double effort = request.HasEffort ? request.Effort : request.HasMaxFlops ? engine.Efforts.EffortFor(cap) : 1;
        var reader = new InputReader(manifest.Input.Width, manifest.Input.Height, manifest.Input.Mean, manifest.Input.Std, ImageLimits.Default);
        float[] input = new float[manifest.Input.Length];
        InferenceResult result = engine.CreateResult();
        return await EachAsync(files, ClassifyAsync, cancellation);

        Task ClassifyAsync(string file, byte[] encoded)
        {
            reader.Read(encoded, input);
            session.Run(input, effort, cap, result, cancellation);
            Print(
                file,
                Predictions.Top(result.Logits, top).Select(prediction => (manifest.Labels[prediction.Index], prediction.Probability)),
                result.Plan.Flops,
                engine.Bundle.Flops.Dense,
                manifest.Blocks.Select((block, i) => (result.Plan.KeptCount(i), block.Channels)),
                result.ExecuteTime);
            return Task.CompletedTask;
        }
    }

    // A file that is no image is named, and the others go on; anything else would befall them too.
    private static async Task<int> EachAsync(string[] files, Func<string, byte[], Task> classify, CancellationToken cancellation)
    {
        int exitCode = 0;
        foreach (string file in files)
        {
            try
            {
                await classify(file, await File.ReadAllBytesAsync(file, cancellation));
            }
            catch (Exception exception) when (exception is ImageFormatException or IOException or UnauthorizedAccessException || (exception is RpcException refusal && IsOfTheImage(refusal.Status)))
            {
                await Console.Error.WriteLineAsync($"{file}: {(exception is RpcException refused ? refused.Status.Detail : exception.Message.ReplaceLineEndings(" "))}");
                exitCode = 1;
            }
        }

        return exitCode;
    }

    private static bool IsOfTheImage(Status refusal) => refusal.StatusCode == StatusCode.InvalidArgument
        && (refusal.Detail.StartsWith("encoded_image: ", StringComparison.Ordinal) || refusal.Detail.StartsWith("the request has more than ", StringComparison.Ordinal));

    private static void Print(
        string file,
        IEnumerable<(string Label, float Probability)> predictions,
        long planned,
        long dense,
        IEnumerable<(int Retained, int Total)> blocks,
        TimeSpan time)
    {
        Console.WriteLine($"{file}: {string.Join(", ", predictions.Select(p => $"{p.Label} {p.Probability:P1}"))}");
        Console.WriteLine($"  {planned / 1e6:F2} of {dense / 1e6:F2} MFLOPs ({(double)planned / dense:P1}) in {time.TotalMicroseconds:F0} µs; "
            + $"channels run in each block: {string.Join(' ', blocks.Select(block => $"{block.Retained}/{block.Total}"))}");
    }
}
