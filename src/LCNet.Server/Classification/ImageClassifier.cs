using System.Diagnostics;
using Grpc.Core;
using LCNet.Imaging;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// The one way from a checked request to a result, for every image of every call: it is let in or refused, waits for its turn, is decoded and run.
/// Thread-safe.
/// </summary>
internal sealed class ImageClassifier(ImageReader images, DispatchFailures failures, ServerMetrics metrics, TimeProvider time)
{
    /// <summary>Runs the one image of a request.</summary>
    /// <param name="job">The image.</param>
    /// <param name="read">
    /// Takes from the result what the reply needs; other images use the result afterwards. Its second argument is how long the image waited
    /// for its turn. Called on another thread.
    /// </param>
    /// <param name="cancellation">Gives up; an image that has begun to be decoded or run does that to its end.</param>
    /// <exception cref="AdmissionRefusedException">There is no room for it.</exception>
    /// <exception cref="RpcException">
    /// INVALID_ARGUMENT: not a readable image, over a limit, or a tensor whose values are so large that the network overflows.
    /// </exception>
    /// <exception cref="DeviceFailedException">The device failed while an image ran.</exception>
    /// <exception cref="ArithmeticException">The network overflows on an image file, whose values are bounded: the model is at fault.</exception>
    /// <exception cref="OperationCanceledException">Cancelled or expired before it ran.</exception>
    public async Task<T> RunAsync<T>(ImageJob job, Func<InferenceResult, TimeSpan, T> read, CancellationToken cancellation)
    {
        T? value = default;
        await RunAllAsync(job, (_, result, waited) => value = read(result, waited), cancellation).ConfigureAwait(false);
        return value!;
    }

    /// <summary>Runs the images of a request; where one fails, those that have not begun never do.</summary>
    /// <param name="job">The images.</param>
    /// <param name="read">As for <see cref="RunAsync"/>; its first argument is which image it is. Called for several images at the same time.</param>
    /// <param name="cancellation">As for <see cref="RunAsync"/>.</param>
    /// <exception cref="AdmissionRefusedException">There is no room for them.</exception>
    /// <exception cref="RpcException">As for <see cref="RunAsync"/>.</exception>
    /// <exception cref="DeviceFailedException">As for <see cref="RunAsync"/>.</exception>
    /// <exception cref="ArithmeticException">As for <see cref="RunAsync"/>.</exception>
    /// <exception cref="OperationCanceledException">Cancelled or expired before all of them ran.</exception>
    public async Task RunAllAsync(ImageJob job, Action<int, InferenceResult, TimeSpan> read, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        CheckDeadline(job);
        try
        {
            using KeyUse? use = KeyUse.Begin(job.Caller.Key, job.Inputs.Count, job.Inputs.Count * job.Model.PlannedFlops(job.Dial));
            var ticket = new ImageTicket(job, (image, buffers, waited, gone) => Run(job, image, buffers, waited, read, use, gone), cancellation);
            await ticket.RunAsync().ConfigureAwait(false);
        }
        catch (AdmissionRefusedException exception)
        {
            metrics.Of(job.Model).Refuse(exception.Refusal.Reason);
            throw;
        }
    }

    private long Run(ImageJob job, int image, ClassifyBuffers buffers, TimeSpan waited, Action<int, InferenceResult, TimeSpan> read, KeyUse? use, CancellationToken cancellation)
    {
        ServedModel model = job.Model;
        ImageInput input = job.Inputs[image];
        cancellation.ThrowIfCancellationRequested();
        Fill(model, input, buffers, cancellation);

        // Decoding may have taken a while, and what nobody waits for is not run.
        cancellation.ThrowIfCancellationRequested();
        CheckDeadline(job);
        Dial dial = model.Turn(job.Dial);
        Dispatch(model, dial, buffers, cancellation);
        use?.Add(buffers.Result.Plan.Flops);
        CheckOutput(input, buffers.Result.Logits);
        read(image, buffers.Result, waited);
        return model.PlannedFlops(dial);
    }

    private void Dispatch(ServedModel model, Dial dial, ClassifyBuffers buffers, CancellationToken cancellation)
    {
        try
        {
            ValueTask run = model.Engine.RunAsync(buffers.Input, dial.Effort, dial.Cap, buffers.Result, cancellation);
            if (run.IsCompletedSuccessfully)
            {
                run.GetAwaiter().GetResult();
            }
            else
            {
                // This thread is there for this image alone.
                run.AsTask().GetAwaiter().GetResult();
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            failures.Take(model, exception);
            throw;
        }

        model.Health.Succeed();
    }

    private void CheckDeadline(ImageJob job)
    {
        if (job.Caller.Expires <= time.GetTimestamp())
        {
            throw new DeadlineExpiredException();
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
                    : Refusals.InvalidArgument($"{input.Field}: the values are so large that the network's output is beyond float32, {float.MaxValue}");
            }
        }
    }

    private void Fill(ServedModel model, ImageInput input, ClassifyBuffers buffers, CancellationToken cancellation)
    {
        if (input.CopyTensor is { } copy)
        {
            copy(buffers.Input);
            return;
        }

        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Decode);
        long began = Stopwatch.GetTimestamp();
        try
        {
            images.Read(input.EncodedFile, buffers, cancellation);
        }
        catch (ImageFormatException exception)
        {
            throw Refusals.InvalidArgument($"{input.Field}: {exception.Message}");
        }

        metrics.Of(model).Decode(Stopwatch.GetElapsedTime(began));
    }
}
