using System.Diagnostics;
using Grpc.Core;
using LCNet.Runtime;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>The service <c>lcnet.v1.Classifier</c>. Thread-safe.</summary>
internal sealed class ClassifierService(Serving serving, ImageReader images, ServerOptions options, ServerMetrics metrics) : Classifier.ClassifierBase
{
    [Measured]
    public override async Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context)
    {
        ServedModel model = serving.Models.Find(request.Model, request.Version);
        ModelMetrics measured = RequestMeasurement.Begin(context, metrics.Of(model));
        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        long queued = Stopwatch.GetTimestamp();
        ClassifyBuffers buffers;
        using (ImageActivities.StartQueue("buffer"))
        {
            buffers = await model.Buffers.RentAsync(context.CancellationToken).ConfigureAwait(false);
        }

        TimeSpan waited = Stopwatch.GetElapsedTime(queued);
        try
        {
            if (request.InputCase == ClassifyRequest.InputOneofCase.Tensor)
            {
                request.Tensor.Values.CopyTo(buffers.Input, 0);
            }
            else
            {
                using Activity? activity = ImageActivities.Source.StartActivity(ImageActivities.Decode);
                long began = Stopwatch.GetTimestamp();
                await images.ReadAsync(request.EncodedImage.Memory, model.Input, buffers, context.CancellationToken).ConfigureAwait(false);
                measured.Decode(Stopwatch.GetElapsedTime(began));
            }

            await model.Engine.RunAsync(buffers.Input, settings.Effort, settings.Cap, buffers.Result, context.CancellationToken).ConfigureAwait(false);
            ClassifyRules.CheckOutput(request, buffers.Result.Logits);
            ClassifyResponse reply = ClassifyReply.From(request.Id, model, settings.TopK, waited, buffers.Result);
            measured.Answer(reply.Compute);
            RequestSpan.Describe(reply);
            return reply;
        }
        finally
        {
            model.Buffers.Return(buffers);
        }
    }

    public override Task<ListModelsResponse> ListModels(ListModelsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListModelsResponse { Models = { serving.Models.All.Select(model => model.Description) } });

    public override Task<Model> GetModel(GetModelRequest request, ServerCallContext context) =>
        Task.FromResult(serving.Models.Find(request.Model, request.Version).Description);
}
