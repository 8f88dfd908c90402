using System.Text;
using Google.Protobuf;
using LCNet.Server.Configuration;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;
using LCNet.V1;

namespace LCNet.Server.Protocols.Http;

/// <summary><c>POST /v1/classify</c>: an image file in, gRPC's reply in JSON out. Rules, queue, limits and counters are those of the gRPC call. Thread-safe.</summary>
internal sealed class ClassifyEndpoint(ModelRegistry registry, ClassifyHandler handler, Callers callers, ServerOptions options)
{
    /// <summary>Path of the endpoint.</summary>
    public const string Path = "/v1/classify";

    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    /// <summary>Answers a request.</summary>
    /// <exception cref="Errors.ServerError">Whatever is wrong with it.</exception>
    public async Task AnswerAsync(HttpContext context)
    {
        MeasuredRequest measured = RequestMeasurementMiddleware.Of(context);
        UploadedImage.Check(context.Request);

        // What can be refused without the image is refused before it is read.
        using (ModelUse use = registry.Use(context.Request.Query["model"].ToString(), context.Request.Query["version"].ToString()))
        {
            measured.Begin(use.Model);
        }

        ClassifyRequest request = ClassifyQuery.Read(context.Request.Query);
        request.EncodedImage = UnsafeByteOperations.UnsafeWrap(await UploadedImage.ReadAsync(context.Request, options).ConfigureAwait(false));
        ClassifyResponse reply = await handler.AnswerAsync(request, measured, callers.Of(context), context.RequestAborted).ConfigureAwait(false);
        await ResponseHeaders.WriteAsync(context, "application/json", Encoding.UTF8.GetBytes(Formatter.Format(reply))).ConfigureAwait(false);
    }
}
