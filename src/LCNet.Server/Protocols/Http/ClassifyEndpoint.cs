using System.Globalization;
using System.Text;
using Google.Protobuf;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.Server.Protocols.Classifier;
using LCNet.Server.Security;
using LCNet.Server.Telemetry;
using LCNet.V1;
using Microsoft.Extensions.Primitives;

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
        using ModelUse use = registry.Use(context.Request.Query["model"].ToString(), context.Request.Query["version"].ToString());
        measured.Begin(use.Model);
        ClassifyRequest request = ClassifyQuery.Read(context.Request.Query);
        request.EncodedImage = UnsafeByteOperations.UnsafeWrap(await UploadedImage.ReadAsync(context.Request, options).ConfigureAwait(false));
        ClassifyResponse reply = await handler.AnswerAsync(use.Model, request, measured, callers.Of(context), context.RequestAborted).ConfigureAwait(false);
        await ResponseHeaders.WriteAsync(context, "application/json", Encoding.UTF8.GetBytes(Formatter.Format(reply))).ConfigureAwait(false);
    }
}

/// <summary>Makes of a query the request that a gRPC caller would send, so that the same rules hold for both.</summary>
internal static class ClassifyQuery
{
    private static readonly string[] Names = ["model", "version", "effort", "max_flops", "top_k", "id", "include_plan", "verify"];

    /// <summary>Makes the request, without its image.</summary>
    /// <param name="query">From a caller: anything may be in it.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT: a parameter is unknown, given twice or not of its type; the message names all of them.</exception>
    public static ClassifyRequest Read(IQueryCollection query)
    {
        var problems = new List<string>();
        foreach ((string name, StringValues values) in query)
        {
            if (!Names.Contains(name, StringComparer.Ordinal))
            {
                problems.Add($"query: there is no parameter {ServerError.Quote(name)}; {string.Join(", ", Names)} are taken");
            }
            else if (values.Count > 1)
            {
                problems.Add($"{name}: is given {values.Count} times");
            }
        }

        var request = new ClassifyRequest { Model = Text(query, "model"), Version = Text(query, "version"), Id = Text(query, "id") };
        if (Parse<double>(query, "effort", text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : null, "a number", problems) is double effort)
        {
            request.Effort = effort;
        }

        if (Parse<long>(query, "max_flops", text => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null, "a whole number of 64 bits", problems) is long flops)
        {
            request.MaxFlops = flops;
        }

        if (Parse<int>(query, "top_k", text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : null, "a whole number", problems) is int topK)
        {
            request.TopK = topK;
        }

        request.IncludePlan = Flag(query, "include_plan", problems);
        request.Verify = Flag(query, "verify", problems);
        return problems.Count == 0 ? request : throw ServerError.InvalidArgument(string.Join("; ", problems));
    }

    private static bool Flag(IQueryCollection query, string name, List<string> problems) =>
        Parse<bool>(query, name, text => bool.TryParse(text, out bool value) ? value : null, "true or false", problems) ?? false;

    private static string Text(IQueryCollection query, string name) => query[name].ToString();

    private static T? Parse<T>(IQueryCollection query, string name, Func<string, T?> parse, string what, List<string> problems)
        where T : struct
    {
        string text = Text(query, name);
        if (text.Length == 0)
        {
            return null;
        }

        T? value = parse(text);
        if (value is null)
        {
            problems.Add($"{name}: {ServerError.Quote(text)} is not {what}");
        }

        return value;
    }
}
