using Grpc.Core;
using Grpc.Net.Client;
using LCNet.V1;

namespace LCNet.Cli.Load;

/// <summary><c>Classify</c>, an image a request.</summary>
internal sealed class ClassifyCalls : ILoadCalls
{
    private readonly LoadImages _images;
    private readonly Classifier.ClassifierClient[] _clients;
    private readonly ClassifyRequest[] _requests;

    /// <summary>Makes the requests.</summary>
    /// <param name="channels">Connections, at least one.</param>
    /// <param name="effort">Of every request; null to leave it to the server.</param>
    public ClassifyCalls(IEnumerable<GrpcChannel> channels, LoadImages images, double? effort)
    {
        _images = images;
        _clients = [.. channels.Select(channel => new Classifier.ClassifierClient(channel))];
        _requests = [.. images.Files.Select(file =>
        {
            var request = new ClassifyRequest { EncodedImage = file, TopK = 1 };
            if (effort is double value)
            {
                request.Effort = value;
            }

            return request;
        })];
    }

    /// <inheritdoc/>
    public Task<LoadAnswer> SendAsync(int number, CallOptions options)
    {
        int image = number % _requests.Length;
        return LoadAnswer.OfAsync(
            _clients[number % _clients.Length].ClassifyAsync(_requests[image], options),
            reply => ([reply.Compute.Effort], reply.Predictions[0].Label == _images.Classes[image] ? 1 : 0));
    }
}
