using Google.Protobuf;
using Google.Protobuf.Collections;
using Grpc.Core;
using Grpc.Net.Client;
using Inference;

namespace LCNet.Cli.Load;

/// <summary>The Open Inference Protocol's <c>ModelInfer</c>, several images a request.</summary>
internal sealed class InferCalls : ILoadCalls
{
    private const string Effort = "effort";
    private const string Label = "label";
    private readonly LoadImages _images;
    private readonly GRPCInferenceService.GRPCInferenceServiceClient[] _clients;
    private readonly int _size;
    private readonly ModelInferRequest[] _requests;

    /// <summary>Makes the requests: as many as it takes until each image came once; the last one goes on with the first images.</summary>
    /// <param name="channels">Connections, at least one.</param>
    /// <param name="effort">Of every image; null to leave it to the server.</param>
    public InferCalls(IEnumerable<GrpcChannel> channels, LoadImages images, int size, string model, double? effort)
    {
        _images = images;
        _clients = [.. channels.Select(channel => new GRPCInferenceService.GRPCInferenceServiceClient(channel))];
        _size = size;
        _requests = [.. Enumerable.Range(0, (images.Files.Count + size - 1) / size).Select(number => Request(number, model, effort))];
    }

    /// <inheritdoc/>
    public Task<LoadAnswer> SendAsync(int number, CallOptions options)
    {
        int request = number % _requests.Length;
        return LoadAnswer.OfAsync(
            _clients[number % _clients.Length].ModelInferAsync(_requests[request], options),
            reply =>
            {
                RepeatedField<ByteString> labels = Contents(reply, Label).BytesContents;
                return (Contents(reply, Effort).Fp64Contents, ImagesOf(request).Where((image, i) => labels[i].ToStringUtf8() == _images.Classes[image]).Count());
            });
    }

    private static InferTensorContents Contents(ModelInferResponse reply, string output) => reply.Outputs.Single(tensor => tensor.Name == output).Contents;

    private ModelInferRequest Request(int number, string model, double? effort)
    {
        var request = new ModelInferRequest
        {
            ModelName = model,
            Inputs =
            {
                new ModelInferRequest.Types.InferInputTensor
                {
                    Name = "image",
                    Datatype = "BYTES",
                    Shape = { _size },
                    Contents = new InferTensorContents { BytesContents = { ImagesOf(number).Select(image => _images.Files[image]) } },
                },
            },
            Outputs =
            {
                new ModelInferRequest.Types.InferRequestedOutputTensor { Name = Label },
                new ModelInferRequest.Types.InferRequestedOutputTensor { Name = Effort },
            },
        };
        if (effort is double value)
        {
            request.Parameters[Effort] = new InferParameter { DoubleParam = value };
        }

        return request;
    }

    private IEnumerable<int> ImagesOf(int request) => Enumerable.Range(request * _size, _size).Select(image => image % _images.Files.Count);
}
