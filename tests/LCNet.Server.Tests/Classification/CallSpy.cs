using Grpc.Core;
using Grpc.Core.Interceptors;

namespace LCNet.Server.Tests;

/// <summary>Sees on the server how the handler of one call ends, the one that has <see cref="Header"/>.</summary>
internal sealed class CallSpy : Interceptor
{
    public const string Header = "x-spied";
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Exception?> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Entered => _entered.Task.WaitAsync(TestContext.Current.CancellationToken);

    /// <summary>What the handler threw, or null where it answered.</summary>
    public Task<Exception?> Outcome => _outcome.Task.WaitAsync(TestContext.Current.CancellationToken);

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        if (context.RequestHeaders.GetValue(Header) is null)
        {
            return await continuation(request, context);
        }

        _entered.SetResult();
        try
        {
            TResponse response = await continuation(request, context);
            _outcome.SetResult(null);
            return response;
        }
        catch (Exception exception)
        {
            _outcome.SetResult(exception);
            throw;
        }
    }
}
