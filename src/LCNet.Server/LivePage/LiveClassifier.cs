using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using LCNet.Bundles;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.LivePage;

/// <summary>
/// Classifies an image for the page: the rules, the queue, the limits and the counters of the gRPC call, and the plan in full besides.
/// Thread-safe.
/// </summary>
internal sealed class LiveClassifier(ModelRegistry registry, InferencePipeline pipeline, Callers callers, ServerOptions options, ServerMetrics metrics, ILogger<LiveClassifier> logger)
{
    /// <summary>Answers a request, whatever is wrong with it.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = HttpMethods.Post;
            return;
        }

        if (!LiveRequest.IsOwn(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        if (!LiveRequest.IsImage(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        var measured = new MeasuredRequest(metrics);
        StatusCode status = StatusCode.Unknown;
        try
        {
            status = await AnswerAsync(context, measured).ConfigureAwait(false);
        }
        finally
        {
            measured.End(status);
            RequestSpan.End(status);
        }
    }

    private static LiveReply Reply(ClassifyResponse reply, ImagePlan plan)
    {
        Compute compute = reply.Compute;
        return new LiveReply(
            reply.Model,
            reply.Version,
            compute.Device,
            compute.Effort,
            [.. reply.Predictions.Select(prediction => new LivePrediction(prediction.Label, prediction.Index, prediction.Probability))],
            compute.DenseFlops,
            compute.PlannedFlops,
            compute.ExecutedFlops,
            compute.GateFlops,
            compute.QueueUs,
            compute.ExecuteUs,
            [.. compute.Blocks.Select((block, i) => new LiveBlock(block.ChannelsTotal, plan.Kept(i).ToArray(), plan.LayerScale(i)))]);
    }

    private async Task<StatusCode> AnswerAsync(HttpContext context, MeasuredRequest measured)
    {
        try
        {
            LiveReply reply = await ClassifyAsync(context, measured).ConfigureAwait(false);
            await PageHeaders.WriteAsync(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(reply, LiveJson.Default.LiveReply)).ConfigureAwait(false);
            return StatusCode.OK;
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to be answered.
            return StatusCode.Cancelled;
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            ServerError error = HttpErrors.Find(exception, LivePageExtensions.ClassifyPath);
            if (error.Status == StatusCode.Internal)
            {
                Log.CallFailed(logger, LivePageExtensions.ClassifyPath, exception);
            }

            await HttpErrors.WriteAsync(context, error).ConfigureAwait(false);
            return error.Status;
        }
    }

    private async Task<LiveReply> ClassifyAsync(HttpContext context, MeasuredRequest measured)
    {
        // What can be refused without the image is refused before it is read.
        IQueryCollection query = context.Request.Query;
        using ModelUse use = registry.Use(query["model"].ToString(), query["version"].ToString());
        ServedModel model = use.Model;
        measured.Begin(model);
        ClassifyRequest request = LiveRequest.Read(query);
        ReadOnlyMemory<byte> image = await LiveBody.ReadAsync(context.Request, options.MaxImageBytes, context.RequestAborted).ConfigureAwait(false);
        request.EncodedImage = UnsafeByteOperations.UnsafeWrap(image);
        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        var inference = new InferenceRequest(model, [ClassifyRules.Input(request)], settings.Budget, callers.Of(context));
        return await pipeline.RunAsync(
            inference,
            (result, waited) =>
            {
                ClassifyResponse reply = ClassifyReply.From(request.Id, model, settings.TopK, waited, result);
                measured.Answer(reply);
                return Reply(reply, result.Plan);
            },
            context.RequestAborted).ConfigureAwait(false);
    }
}
