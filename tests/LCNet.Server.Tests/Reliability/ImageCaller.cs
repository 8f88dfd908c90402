using Grpc.Core;
using Grpc.Net.Client;
using Inference;
using LCNet.Bundles;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>A client with a connection of its own that sends images in every way there is, and gives the probabilities that it is told. Calls have no deadline: the server would refuse by it.</summary>
internal sealed class ImageCaller : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly InputSpec _input;

    public ImageCaller(Uri address, InputSpec input)
    {
        _channel = GrpcChannel.ForAddress(address);
        _input = input;
        Client = new Classifier.ClassifierClient(_channel);
        Inference = new GRPCInferenceService.GRPCInferenceServiceClient(_channel);
    }

    public Classifier.ClassifierClient Client { get; }

    private GRPCInferenceService.GRPCInferenceServiceClient Inference { get; }

    /// <summary>Version and probabilities, of which each label has one.</summary>
    public async Task<(string Version, float[] Probabilities)> ClassifyAsync(int seed) =>
        Read(await Client.ClassifyAsync(Request(seed), cancellationToken: TestContext.Current.CancellationToken));

    /// <summary>Sends a batch of files or of tensors.</summary>
    public async Task<(string Version, float[][] Probabilities)> InferAsync(bool files, int[] seeds)
    {
        ModelInferRequest request = files
            ? InferClient.Images(raw: true, [.. seeds.Select(seed => TestImages.Encode(SKEncodedImageFormat.Png, seed))])
            : InferClient.Tensors(raw: true, seeds.Length, [.. seeds.SelectMany(seed => TestImages.Tensor(_input, seed).Values)]);
        ModelInferResponse reply = await Inference.ModelInferAsync(request, cancellationToken: TestContext.Current.CancellationToken);
        return (reply.ModelVersion, [.. InferClient.Floats(reply, "probabilities").Chunk(TestBundle.Labels)]);
    }

    /// <summary>Sends images by one stream, some at a time, and tells what becomes of each.</summary>
    /// <param name="seeds">The images; no more are sent once the stream has ended.</param>
    /// <param name="inFlight">Most that are under way.</param>
    /// <param name="read">Takes image, version and probabilities.</param>
    /// <exception cref="RpcException">The stream's end, or that of one of its requests. All replies that come have been read by then.</exception>
    public async Task StreamAsync(IEnumerable<int> seeds, int inFlight, Action<int, string, float[]> read)
    {
        using AsyncDuplexStreamingCall<ClassifyRequest, ClassifyStreamResponse> call = Client.ClassifyStream(cancellationToken: TestContext.Current.CancellationToken);
        using var room = new SemaphoreSlim(inFlight);
        using var ended = new CancellationTokenSource();
        Task writing = WriteAsync(call.RequestStream, seeds, room, ended.Token);
        RpcException? failure = null;
        try
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                ClassifyStreamResponse reply = call.ResponseStream.Current;
                if (reply.Error is { } error)
                {
                    // No more are sent; what was sent before is answered yet.
                    failure ??= new RpcException(new Status((StatusCode)error.Code, error.Message));
                    await ended.CancelAsync();
                    continue;
                }

                (string version, float[] probabilities) = Read(reply.Response);
                read(int.Parse(reply.Id, System.Globalization.CultureInfo.InvariantCulture), version, probabilities);
                room.Release();
            }
        }
        finally
        {
            await ended.CancelAsync();
            await writing;
        }

        if (failure is not null)
        {
            throw failure;
        }
    }

    public void Dispose() => _channel.Dispose();

    private static (string Version, float[] Probabilities) Read(ClassifyResponse reply) =>
        (reply.Version, [.. reply.Predictions.OrderBy(prediction => prediction.Index).Select(prediction => prediction.Probability)]);

    // Every other image goes as a file.
    private ClassifyRequest Request(int seed)
    {
        ClassifyRequest request = seed % 2 == 0 ? TestImages.Png(seed) : new ClassifyRequest { Tensor = TestImages.Tensor(_input, seed) };
        request.Model = ServerFixture.Model;
        request.TopK = TestBundle.Labels;
        request.Id = $"{seed}";
        return request;
    }

    private async Task WriteAsync(IClientStreamWriter<ClassifyRequest> requests, IEnumerable<int> seeds, SemaphoreSlim room, CancellationToken ended)
    {
        try
        {
            try
            {
                foreach (int seed in seeds)
                {
                    await room.WaitAsync(ended);
                    await requests.WriteAsync(Request(seed), CancellationToken.None);
                }
            }
            catch (OperationCanceledException)
            {
                // No more.
            }

            await requests.CompleteAsync();
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException or InvalidOperationException or IOException)
        {
            // The stream has ended; who reads is told how.
        }
    }
}
