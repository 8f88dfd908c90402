using Google.Protobuf;
using Grpc.Core;
using LCNet.Client.Internal;
using LCNet.V1;

namespace LCNet.Client;

/// <summary>Classifies images on a server of LCNet.Serving. Thread-safe.</summary>
public sealed class LcNetClient
{
    private readonly Classifier.ClassifierClient _client;
    private readonly LcNetClientOptions _options;
    private readonly TimeProvider _time;

    /// <summary>Makes a client over a channel of the caller's; <c>AddLcNetClient</c> makes one with retries and load balancing.</summary>
    /// <param name="options">Deadlines and bulk work; null for the defaults. Addresses and retries of unary calls are the channel's.</param>
    /// <param name="time">The clock; null for the system's.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public LcNetClient(Classifier.ClassifierClient client, LcNetClientOptions? options = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _options = options ?? new LcNetClientOptions();
        _time = time ?? TimeProvider.System;
        IReadOnlyList<string> problems = OptionRules.CheckCalls(_options);
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join("; ", problems), nameof(options));
        }
    }

    /// <summary>
    /// Makes a handler for a channel of the caller's, as <c>AddLcNetClient</c> uses it: its connections notice where the other side is gone, there may be as many of them as calls need, and
    /// servers on this machine are reached without a proxy, whatever <c>http_proxy</c> says.
    /// </summary>
    /// <returns>The caller's own.</returns>
    public static SocketsHttpHandler CreateHandler() => ChannelSettings.CreateHandler();

    /// <summary>Classifies an image file with the server's only model and its default effort.</summary>
    /// <param name="image">The bytes of a JPEG, PNG, WebP or BMP file.</param>
    /// <exception cref="RpcException">As for <see cref="ClassifyAsync(ClassifyRequest, CancellationToken)"/>.</exception>
    public Task<ClassifyResponse> ClassifyAsync(ReadOnlyMemory<byte> image, CancellationToken cancellationToken = default) =>
        ClassifyAsync(new ClassifyRequest { EncodedImage = UnsafeByteOperations.UnsafeWrap(image) }, cancellationToken);

    /// <summary>Classifies one image.</summary>
    /// <param name="request">The image, and how hard the network may try.</param>
    /// <exception cref="RpcException">
    /// The call failed: <see cref="StatusCode.InvalidArgument"/>, where the message names field and limit; <see cref="StatusCode.NotFound"/>, there
    /// is no such model; <see cref="StatusCode.ResourceExhausted"/>, the queue stayed full; <see cref="StatusCode.Unavailable"/>, no server
    /// took the call; <see cref="StatusCode.DeadlineExceeded"/>, it took longer than <see cref="LcNetClientOptions.Timeout"/>;
    /// <see cref="StatusCode.Cancelled"/>.
    /// </exception>
    public async Task<ClassifyResponse> ClassifyAsync(ClassifyRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return await _client.ClassifyAsync(request, Options(cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>
    /// Classifies many images over <see cref="LcNetClientOptions.Streams"/> streams, with at most <see cref="LcNetClientOptions.MaxInFlight"/> of them
    /// in memory: the source is read as fast as the replies are. Each request gets one reply, which carries its id; replies come in the order in
    /// which they are ready. A request that is refused gets a reply with an error, and the others go on. Requests that a server did not run
    /// are sent again; so are those that were under way where a connection breaks.
    /// </summary>
    /// <param name="requests">
    /// The images; not changed. Their ids are the caller's, to tell replies apart, and need not be unique.
    /// </param>
    /// <param name="cancellationToken">Gives up. So does leaving the loop over the replies.</param>
    /// <returns>The replies, to be read once.</returns>
    /// <exception cref="RpcException">
    /// While reading: no server took the stream, or it refused to read it, for example because a request is too large.
    /// </exception>
    /// <exception cref="OperationCanceledException">While reading: cancelled.</exception>
    public IAsyncEnumerable<ClassifyStreamResponse> ClassifyAllAsync(IAsyncEnumerable<ClassifyRequest> requests, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        return BulkCall.RunAsync(_client, _options, _time, requests, cancellationToken);
    }

    /// <summary>Lists every model and version that the server has.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<IReadOnlyList<Model>> ListModelsAsync(CancellationToken cancellationToken = default) =>
        (await _client.ListModelsAsync(new ListModelsRequest(), Options(cancellationToken)).ConfigureAwait(false)).Models;

    /// <summary>Describes a model: its labels, and what each effort costs.</summary>
    /// <param name="model">Its name; empty where the server has one model.</param>
    /// <param name="version">Its version; empty for the highest.</param>
    /// <exception cref="RpcException">The call failed; <see cref="StatusCode.NotFound"/>: there is no such model.</exception>
    public async Task<Model> GetModelAsync(string model = "", string version = "", CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(version);
        return await _client.GetModelAsync(new GetModelRequest { Model = model, Version = version }, Options(cancellationToken)).ConfigureAwait(false);
    }

    private CallOptions Options(CancellationToken cancellation) =>
        new(deadline: _options.Timeout is { } timeout ? (_time.GetUtcNow() + timeout).UtcDateTime : null, cancellationToken: cancellation);
}
