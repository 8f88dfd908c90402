using System.IO.Pipelines;
using Grpc.AspNetCore.Server;
using LCNet.Server.Admission;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Telemetry;
using Microsoft.AspNetCore.Http.Features;

namespace LCNet.Server.Security;

/// <summary>
/// Counts the bytes of requests that have not arrived whole, by client, so that nobody fills the memory with requests that never end. A client may have a
/// quarter of all, and at least one request: the others' are still received. Thread-safe.
/// </summary>
internal sealed class ReceiveBudget(ServerOptions options)
{
    private const int Shares = 4;
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private readonly long _each = Math.Max(options.RequestLimit, options.MaxReceiveBytes / Shares);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _clients = new(StringComparer.Ordinal);
    private long _all;

    /// <summary>Takes in bytes.</summary>
    /// <param name="bytes">How many more, above 0.</param>
    /// <returns>Null where there is room; otherwise nothing was taken in.</returns>
    public AdmissionRefusal? Take(string client, long bytes)
    {
        lock (_lock)
        {
            long own = _clients.GetValueOrDefault(client) + bytes;
            if (own > _each || _all + bytes > options.MaxReceiveBytes)
            {
                return new AdmissionRefusal(RefusalReason.Bytes, own > _each ? _each : options.MaxReceiveBytes, TimeSpan.Zero, Retry);
            }

            _clients[client] = own;
            _all += bytes;
            return null;
        }
    }

    /// <summary>Returns bytes that a client no longer holds.</summary>
    public void Return(string client, long bytes)
    {
        lock (_lock)
        {
            _all -= bytes;
            long left = _clients[client] - bytes;
            if (left == 0)
            {
                _clients.Remove(client);
            }
            else
            {
                _clients[client] = left;
            }
        }
    }
}

/// <summary>A request's body, whose bytes count from when they arrive until they are read. Not thread-safe, as any reader.</summary>
/// <param name="isGrpc">Whether gRPC reads, which does not know a <see cref="ServerError"/>.</param>
/// <param name="refused">Told of a refusal, once; the call then ends.</param>
internal sealed class BudgetedReader(HttpContext context, ReceiveBudget budget, string client, bool isGrpc, Action<AdmissionRefusal> refused)
    : PipeReader, IRequestBodyPipeFeature, IDisposable
{
    private readonly PipeReader _inner = context.Request.BodyReader;
    private ReadResult _latest;
    private long _held;

    /// <inheritdoc/>
    PipeReader IRequestBodyPipeFeature.Reader => this;

    /// <inheritdoc/>
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        Hold(await _inner.ReadAsync(cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        bool any = _inner.TryRead(out result);
        if (any)
        {
            Hold(result);
        }

        return any;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        long left = _latest.Buffer.Slice(consumed).Length;
        _latest = default;
        _inner.AdvanceTo(consumed, examined);
        Set(left);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead() => _inner.CancelPendingRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        _inner.Complete(exception);
        Set(0);
    }

    /// <summary>Gives back what the request still holds: it is over.</summary>
    public void Dispose() => Set(0);

    private ReadResult Hold(ReadResult result)
    {
        long more = result.Buffer.Length - _held;
        if (more > 0 && budget.Take(client, more) is { } refusal)
        {
            _inner.AdvanceTo(result.Buffer.End);
            Set(0);
            refused(refusal);
            var error = ServerError.Refused(refusal);
            throw isGrpc ? GrpcErrors.ToException(error) : error;
        }

        _held = Math.Max(_held, result.Buffer.Length);
        _latest = result;
        return result;
    }

    private void Set(long held)
    {
        if (_held > held)
        {
            budget.Return(client, _held - held);
        }

        _held = held;
    }
}

/// <summary>Bounds what gRPC calls, and requests of the HTTP port that carry images, hold that have not arrived whole.</summary>
internal sealed class ReceiveBudgetMiddleware(RequestDelegate next, ReceiveBudget budget, IClientIdentity identity, ServerMetrics metrics)
{
    /// <summary>Puts a reader that counts in front of whoever reads the body.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        EndpointMetadataCollection? endpoint = context.GetEndpoint()?.Metadata;
        bool isGrpc = endpoint?.GetMetadata<GrpcMethodMetadata>() is not null;
        if (!isGrpc && endpoint?.GetMetadata<MeasuredAttribute>() is null)
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        using var body = new BudgetedReader(context, budget, identity.Of(context), isGrpc, refusal =>
        {
            GrpcStatusMiddleware.Enter(context);
            metrics.Of(null).Refuse(refusal.Reason);
        });
        context.Features.Set<IRequestBodyPipeFeature>(body);
        await next(context).ConfigureAwait(false);
    }
}
