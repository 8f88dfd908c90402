using System.Diagnostics;
using Grpc.Core;
using LCNet.Imaging;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// The one way from a checked request to a result, for every image of every call: it is admitted, waits for its turn, is decoded and run.
/// Thread-safe.
/// </summary>
internal sealed class ImageClassifier(ImageReader images, ServerMetrics metrics)
{
    /// <summary>Runs one image.</summary>
    /// <param name="job">The image.</param>
    /// <param name="read">
    /// Takes from the result what the reply needs; other images use the result afterwards. Its second argument is how long the image waited
    /// before the engine had it, decoding not included.
    /// </param>
    /// <param name="cancellation">Gives up waiting; an image that has begun runs to its end.</param>
    /// <exception cref="QueueFullException">As many images wait already as may.</exception>
    /// <exception cref="RpcException">
    /// INVALID_ARGUMENT: not a readable image, over a limit, or a tensor whose values are so large that the network overflows.
    /// </exception>
    /// <exception cref="ArithmeticException">The network overflows on an image file, whose values are bounded: the model is at fault.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before it ran.</exception>
    public async Task<T> RunAsync<T>(ImageJob job, Func<InferenceResult, TimeSpan, T> read, CancellationToken cancellation)
    {
        ServedModel model = job.Model;
        long queued = Stopwatch.GetTimestamp();
        ClassifyBuffers buffers;
        using (ImageActivities.StartQueue("buffer"))
        {
            buffers = await model.Buffers.RentAsync(job.Admitted, cancellation).ConfigureAwait(false);
        }

        TimeSpan waited = Stopwatch.GetElapsedTime(queued);
        try
        {
            await FillAsync(job, buffers, cancellation).ConfigureAwait(false);
            await model.Engine.RunAsync(buffers.Input, job.Dial.Effort, job.Dial.Cap, buffers.Result, cancellation).ConfigureAwait(false);
            CheckOutput(job.Input, buffers.Result.Logits);
            return read(buffers.Result, waited);
        }
        finally
        {
            model.Buffers.Return(buffers);
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

    private async ValueTask FillAsync(ImageJob job, ClassifyBuffers buffers, CancellationToken cancellation)
    {
        if (job.Input.CopyTensor is { } copy)
        {
            copy(buffers.Input);
            return;
        }

        using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Decode);
        long began = Stopwatch.GetTimestamp();
        try
        {
            await images.ReadAsync(job.Input.EncodedFile, job.Model.Input, buffers, cancellation).ConfigureAwait(false);
        }
        catch (ImageFormatException exception)
        {
            throw Refusals.InvalidArgument($"{job.Input.Field}: {exception.Message}");
        }

        metrics.Of(job.Model).Decode(Stopwatch.GetElapsedTime(began));
    }
}
