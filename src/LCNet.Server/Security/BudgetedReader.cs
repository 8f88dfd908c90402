using System.IO.Pipelines;
using LCNet.Runtime;
using Microsoft.AspNetCore.Http.Features;

namespace LCNet.Server;

/// <summary>A request's body, whose bytes count from when they arrive until they are read. Not thread-safe, as any reader.</summary>
/// <param name="context">The request.</param>
/// <param name="budget">Of all requests.</param>
/// <param name="client">Whose it is.</param>
/// <param name="refused">Told of a refusal, once; the call then ends.</param>
internal sealed class BudgetedReader(HttpContext context, ReceiveBudget budget, string client, Action<AdmissionRefusal> refused)
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
            throw GrpcErrors.ToException(ServerError.Refused(refusal));
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
