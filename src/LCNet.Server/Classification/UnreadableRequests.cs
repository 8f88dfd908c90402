using System.Globalization;
using Grpc.Core;

namespace LCNet.Server;

/// <summary>
/// Answers INVALID_ARGUMENT to bytes that are no gRPC message, or none of the right type. gRPC reads a message before any interceptor
/// sees the call, and answers INTERNAL or UNKNOWN where that fails.
/// </summary>
internal static class UnreadableRequests
{
    private const string StatusHeader = "grpc-status";
    private static readonly object Excluded = new();
    private static readonly string Unknown = Text(StatusCode.Unknown);
    private static readonly string Internal = Text(StatusCode.Internal);
    private static readonly string InvalidArgument = Text(StatusCode.InvalidArgument);

    /// <summary>Puts right the status of a service's calls whose request was not read.</summary>
    public static IApplicationBuilder UseUnreadableRequests(this IApplicationBuilder app, string service)
    {
        var path = new PathString($"/{service}");
        return app.Use(next => async context =>
        {
            await next(context).ConfigureAwait(false);
            if (context.Request.Path.StartsWithSegments(path, StringComparison.Ordinal) && !context.Response.HasStarted && !context.Items.ContainsKey(Excluded))
            {
                Correct(context.Response.Headers, service);
            }
        });
    }

    /// <summary>Leaves a call alone that failed after its request was read.</summary>
    public static void Exclude(ServerCallContext context) => context.UserState[Excluded] = Excluded;

    private static void Correct(IHeaderDictionary headers, string service)
    {
        if (headers[StatusHeader] == Unknown)
        {
            headers[StatusHeader] = InvalidArgument;
            headers["grpc-message"] = $"the request is not a message that {service} reads";
        }
        else if (headers[StatusHeader] == Internal)
        {
            // For example that the message is incomplete; gRPC's own words say it best.
            headers[StatusHeader] = InvalidArgument;
        }
    }

    private static string Text(StatusCode status) => ((int)status).ToString(CultureInfo.InvariantCulture);
}
