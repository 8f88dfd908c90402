using System.Diagnostics;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.Models;
using LCNet.Server.Security;
using LCNet.Server.Security.Keys;
using LCNet.Server.Shadows;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Inference;

/// <summary>
/// The one way from a checked request to its results, for every image of every protocol: admission, a worker's turn, decode, run, result. Thread-safe.
/// </summary>
internal sealed class InferencePipeline(ServerMetrics metrics, ShadowRunner shadows, TimeProvider time, ILogger<InferencePipeline> logger) : IDisposable
{
    // Whatever the number of models: a large image takes much memory while it is decoded, and more at a time than there are cores would not be faster.
    private readonly SemaphoreSlim _decoding = new(Environment.ProcessorCount);

    /// <summary>Runs the one image of a request.</summary>
    /// <param name="read">Takes from the outcome what the reply needs. Called on the worker's thread.</param>
    /// <param name="cancellation">Gives up; an image that has begun to be decoded or run does that to its end.</param>
    /// <exception cref="ServerError">
    /// RESOURCE_EXHAUSTED: there is no room for it. INVALID_ARGUMENT: not a readable image, over a limit, or a tensor whose values are so large that the network overflows. DEADLINE_EXCEEDED: expired before it ran.
    /// UNAVAILABLE: the device failed. UNAUTHENTICATED: the key was taken out of the file.
    /// </exception>
    /// <exception cref="ArithmeticException">The network overflows on an image file, whose values are bounded: the model is at fault.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    public async Task<T> RunAsync<T>(InferenceRequest request, Func<ImageOutcome, T> read, CancellationToken cancellation)
    {
        T? value = default;
        await RunAsync(request, (_, outcome) => value = read(outcome), cancellation).ConfigureAwait(false);
        return value!;
    }

    /// <summary>Runs the images of a request; where one fails, those that have not begun never do.</summary>
    /// <param name="read">As above; its first argument is which image it is. Called for several images at the same time.</param>
    /// <param name="cancellation">As above.</param>
    /// <exception cref="ServerError">As above.</exception>
    /// <exception cref="ArithmeticException">As above.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before all of them ran.</exception>
    public async Task RunAsync(InferenceRequest request, Action<int, ImageOutcome> read, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        CheckDeadline(request);
        try
        {
            // Admission: the limits of the caller's key, then the model's queue, in which the request waits.
            using KeyUse? use = KeyUse.Begin(request.Caller.Key, request.Images.Count, request.Images.Count * request.PlannedFlops);
            await new PendingRequest(this, request, read, use, cancellation).RunAsync().ConfigureAwait(false);
        }
        catch (ServerError error) when (error.Refusal is { } refusal)
        {
            metrics.Of(request.Model).Refuse(refusal.Reason);
            throw;
        }
    }

    /// <summary>Takes one image from its turn to its result, on the worker's thread.</summary>
    /// <param name="use">Of the caller's key; null where there is none.</param>
    /// <returns>FLOPs that its runs were planned to cost at the effort that it ran at.</returns>
    public long RunImage(InferenceRequest request, int image, ModelWorker worker, KeyUse? use, CancellationToken cancellation)
    {
        ImageInput input = request.Images[image];
        cancellation.ThrowIfCancellationRequested();
        Decode(request.Model, input, worker, cancellation);

        // Decoding may have taken a while, and what nobody waits for is not run.
        cancellation.ThrowIfCancellationRequested();
        CheckDeadline(request);
        ComputeBudget budget = request.Model.Effort.Resolve(request.Budget);
        Run(request.Model, budget, worker, cancellation);
        use?.Add(worker.Result.Plan.Flops);
        CheckOutput(input, worker.Result.Logits);
        if (request.Verifies)
        {
            Run(request.Model, budget: null, worker, cancellation);
            use?.Add(worker.Whole.Plan.Flops);
            CheckOutput(input, worker.Whole.Logits);
            metrics.Of(request.Model).RunWhole(WholeRun.Verify, worker.Whole.ExecutedFlops);
        }

        return request.PlannedAt(budget);
    }

    /// <summary>An image's reply has what it needs: the image may be run once more, for comparison. On the worker's thread.</summary>
    public void Sample(InferenceRequest request, ModelWorker worker) => shadows.Sample(request, worker);

    /// <inheritdoc/>
    public void Dispose() => _decoding.Dispose();

    private void CheckDeadline(InferenceRequest request)
    {
        if (request.Caller.Expires <= time.GetTimestamp())
        {
            throw ServerError.Expired();
        }
    }

    private void Decode(ServedModel model, ImageInput input, ModelWorker worker, CancellationToken cancellation)
    {
        if (input.CopyTensor is { } copy)
        {
            copy(worker.Input);
            return;
        }

        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Decode);
        long began = Stopwatch.GetTimestamp();
        _decoding.Wait(cancellation);
        try
        {
            worker.Reader.Read(input.EncodedFile.Span, worker.Input);
        }
        catch (ImageFormatException exception)
        {
            throw ServerError.InvalidArgument($"{input.Field}: {exception.Message}");
        }
        finally
        {
            _decoding.Release();
        }

        TimeSpan duration = Stopwatch.GetElapsedTime(began);
        metrics.Of(model).Decode(duration);
        model.Counters.Decode.Add(duration);
    }

    // Without a budget every gate is open.
    private void Run(ServedModel model, ComputeBudget? budget, ModelWorker worker, CancellationToken cancellation)
    {
        try
        {
            if (budget is { } given)
            {
                worker.Session.Run(worker.Input, given.Effort, given.MaxFlops, worker.Result, cancellation);
            }
            else
            {
                worker.Session.RunOpen(worker.Input, worker.Whole, isWanted: null, cancellation);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            metrics.Of(model).Fail();
            if (!DeviceFault.Is(exception))
            {
                // A fault in this program: trying elsewhere would only spread it.
                throw;
            }

            NoteDeviceFault(model, exception);
            throw ServerError.DeviceFailed(exception);
        }

        model.Health.Succeed();
    }

    private void NoteDeviceFault(ServedModel model, Exception exception)
    {
        if (model.Health.Fail(exception, out bool isLast))
        {
            Log.DispatchFailed(logger, model.Name, model.Engine.Device, exception);
        }

        if (isLast)
        {
            Log.DeviceFailed(logger, model.Name, model.Engine.Device);
        }
    }

    private static void CheckOutput(ImageInput input, ReadOnlySpan<float> logits)
    {
        foreach (float logit in logits)
        {
            if (!float.IsFinite(logit))
            {
                throw input.CopyTensor is null
                    ? new ArithmeticException($"A logit is {logit}.")
                    : ServerError.InvalidArgument($"{input.Field}: the values are so large that the network's output is beyond float32, {float.MaxValue}");
            }
        }
    }
}
