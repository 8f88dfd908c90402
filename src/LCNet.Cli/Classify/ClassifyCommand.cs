using System.CommandLine;
using Google.Protobuf;
using Grpc.Net.Client;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime;
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
        var effort = new Option<double?>("--effort") { Description = "How hard the network may try, in (0, 1]." };
        var cap = new Option<long?>("--max-flops") { Description = "A cap on each image's FLOPs." };
        var top = new Option<int?>("--top-k") { Description = "Predictions to print. Default: 5, or all where the model has fewer labels." };
        var command = new Command("classify", "Classify images and print what each one cost.") { images, bundle, server, model, effort, cap, top };
        command.Validators.Add(result =>
        {
            if (result.GetValue(bundle) is null == result.GetValue(server) is null)
            {
                result.AddError("Give one of --bundle and --server.");
            }

            if (result.GetValue(effort) is not null && result.GetValue(cap) is not null)
            {
                result.AddError("Give at most one of --effort and --max-flops.");
            }
        });
        command.SetAction(async (parsed, cancellation) =>
        {
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
            if (parsed.GetValue(server) is string address)
            {
                await OnServerAsync(files, address, request, cancellation);
            }
            else
            {
                await HereAsync(files, parsed.GetValue(bundle)!, request, cancellation);
            }

            return 0;
        });
        return command;
    }

    private static async Task OnServerAsync(string[] files, string address, ClassifyRequest request, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
        {
            throw new ArgumentException($"--server: '{address}' is not an address like http://localhost:8001.");
        }

        using var channel = GrpcChannel.ForAddress(uri);
        var client = new Classifier.ClassifierClient(channel);
        foreach (string file in files)
        {
            request.EncodedImage = ByteString.CopyFrom(await File.ReadAllBytesAsync(file, cancellation));
            ClassifyResponse reply = await client.ClassifyAsync(request, deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellation);
            Print(
                file,
                reply.Predictions.Select(prediction => (prediction.Label, prediction.Probability)),
                reply.Compute.PlannedFlops,
                reply.Compute.DenseFlops,
                reply.Compute.Blocks.Select(block => (block.ChannelsRetained, block.ChannelsTotal)),
                TimeSpan.FromMicroseconds(reply.Compute.ExecuteUs));
        }
    }

    private static async Task HereAsync(string[] files, string folder, ClassifyRequest request, CancellationToken cancellation)
    {
        using InferenceEngine engine = InferenceEngine.Load(Bundle.Open(folder), new EngineOptions { Workers = 1 });
        BundleManifest manifest = engine.Bundle.Manifest;
        int top = request.HasTopK ? request.TopK : Math.Min(DefaultTopK, manifest.Labels.Count);
        if (top < 1 || top > manifest.Labels.Count)
        {
            throw new ArgumentException($"--top-k: {top} is outside 1 to {manifest.Labels.Count}.");
        }

        long cap = request.HasMaxFlops ? request.MaxFlops : Planner.NoCap;
        double effort = request.HasEffort ? request.Effort : request.HasMaxFlops ? engine.Efforts.EffortFor(cap) : 1;
        byte[] rgb = new byte[manifest.Input.Length];
        float[] input = new float[manifest.Input.Length];
        InferenceResult result = engine.CreateResult();
        foreach (string file in files)
        {
            byte[] encoded = await File.ReadAllBytesAsync(file, cancellation);
            try
            {
                ImageDecoder.Decode(encoded, manifest.Input.Width, manifest.Input.Height, ImageLimits.Default, rgb);
            }
            catch (ImageFormatException exception)
            {
                throw new InvalidDataException($"{file}: {exception.Message}", exception);
            }

            Pixels.Normalise(rgb, manifest.Input.Mean, manifest.Input.Std, input);
            await engine.RunAsync(input, effort, cap, result, cancellation);
            Print(
                file,
                Predictions.Top(result.Logits, top).Select(prediction => (manifest.Labels[prediction.Index], prediction.Probability)),
                result.Plan.Flops,
                engine.Bundle.Flops.Dense,
                manifest.Blocks.Select((block, i) => (result.Plan.Kept(i).Length, block.Channels)),
                result.ExecuteTime);
        }
    }

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
