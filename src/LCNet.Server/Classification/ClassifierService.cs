using System.Diagnostics;
using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>The service <c>lcnet.v1.Classifier</c>. Thread-safe.</summary>
internal sealed class ClassifierService(Serving serving, ImageReader images, ServerOptions options) : Classifier.ClassifierBase
{
    public override async Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context)
    {
        ServedModel model = serving.Models.Find(request.Model, request.Version);
        ClassifySettings settings = ClassifyRules.Check(request, model, options.DefaultEffort);
        long queued = Stopwatch.GetTimestamp();
        ClassifyBuffers buffers = await model.Buffers.RentAsync(context.CancellationToken).ConfigureAwait(false);
        TimeSpan waited = Stopwatch.GetElapsedTime(queued);
        try
        {
            if (request.InputCase == ClassifyRequest.InputOneofCase.Tensor)
            {
                request.Tensor.Values.CopyTo(buffers.Input, 0);
            }
            else
            {
                await images.ReadAsync(request.EncodedImage.Memory, model.Input, buffers, context.CancellationToken).ConfigureAwait(false);
            }

            await model.Engine.RunAsync(buffers.Input, settings.Effort, settings.Cap, buffers.Result, context.CancellationToken).ConfigureAwait(false);
            ClassifyRules.CheckOutput(request, buffers.Result.Logits);
            return ClassifyReply.From(request.Id, model, settings.TopK, waited, buffers.Result);
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
