using System.Globalization;
using Grpc.Core;
using Inference;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Http;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>The Open Inference Protocol over HTTP: the same answers as <see cref="OpenInferenceService"/> gives, in JSON. Thread-safe.</summary>
internal sealed class InferEndpoints(ModelRegistry registry, InferHandler handler, Callers callers, ServerOptions options)
{
    /// <summary>What all paths begin with.</summary>
    public const string BasePath = "/v2";

    private const string HeaderLength = "Inference-Header-Content-Length";
    private const string ModelPath = BasePath + "/models/{model}";
    private const string VersionPath = ModelPath + "/versions/{version}";

    /// <summary>Maps the endpoints.</summary>
    public void Map(IEndpointRouteBuilder http)
    {
        http.MapOnly(HttpMethods.Get, BasePath, context => WriteAsync(context, InferJsonReply.Write(InferMetadata.OfServer())));
        http.MapOnly(HttpMethods.Get, BasePath + "/health/live", context => WriteAsync(context, InferJsonReply.Object(json => json.WriteBoolean("live", true)))).AllowAnonymous();
        http.MapOnly(HttpMethods.Get, BasePath + "/health/ready", context => registry.IsReady ? WriteAsync(context, InferJsonReply.Object(json => json.WriteBoolean("ready", true))) : throw NotReady("the server")).AllowAnonymous();
        foreach (string path in new[] { ModelPath, VersionPath })
        {
            http.MapOnly(HttpMethods.Get, path, DescribeAsync);
            http.MapOnly(HttpMethods.Get, path + "/ready", ReadyAsync);
            http.MapOnly(HttpMethods.Post, path + "/infer", InferAsync).WithMetadata(new MeasuredAttribute());
        }
    }

    private Task DescribeAsync(HttpContext context)
    {
        (string model, string version) = Named(context);
        return WriteAsync(context, InferJsonReply.Write(InferMetadata.Of(registry.Models.Find(model, version), registry.Models.All)));
    }

    private Task ReadyAsync(HttpContext context)
    {
        (string model, string version) = Named(context);
        return registry.IsModelReady(model, version)
            ? WriteAsync(context, InferJsonReply.Object(json =>
            {
                json.WriteString("name", model);
                json.WriteBoolean("ready", true);
            }))
            : throw NotReady("the model");
    }

    private async Task InferAsync(HttpContext context)
    {
        // What can be refused without the images is refused before they are read.
        MeasuredRequest measured = RequestMeasurementMiddleware.Of(context);
        (string model, string version) = Named(context);
        using ModelUse use = registry.Use(model, version, "model_name", "model_version");
        measured.Begin(use.Model);
        int? headerLength = ReadHeaderLength(context.Request);
        ReadOnlyMemory<byte> body = await RequestBody.ReadAsync(context.Request, options.RequestLimit, string.Empty, "the request").ConfigureAwait(false);
        ModelInferRequest request = InferJsonRequest.Read(model, version, body, headerLength);
        InferAnswer answer = await handler.RunAsync(use.Model, request, InferFields.Http, measured, callers.Of(context), context.RequestAborted).ConfigureAwait(false);
        (ReadOnlyMemory<byte> reply, int? jsonLength) = InferJsonReply.Write(request, answer);
        if (jsonLength is int length)
        {
            context.Response.Headers[HeaderLength] = length.ToString(CultureInfo.InvariantCulture);
        }

        await ResponseHeaders.WriteAsync(context, jsonLength is null ? "application/json" : "application/octet-stream", reply).ConfigureAwait(false);
    }

    private static int? ReadHeaderLength(HttpRequest request)
    {
        string text = request.Headers[HeaderLength].ToString();
        return text.Length == 0 ? null
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int length) ? length
            : throw ServerError.InvalidArgument($"{HeaderLength}: {ServerError.Quote(text)} is not a number of bytes");
    }

    private static (string Model, string Version) Named(HttpContext context) =>
        ((string)context.Request.RouteValues["model"]!, context.Request.RouteValues["version"] as string ?? string.Empty);

    // The protocol wants a status of the caller's side for what is not ready.
    private static ServerError NotReady(string what) => new(StatusCode.Unavailable, $"{what} is not ready") { HttpStatus = StatusCodes.Status400BadRequest };

    private static Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body) => ResponseHeaders.WriteAsync(context, "application/json", body);
}
