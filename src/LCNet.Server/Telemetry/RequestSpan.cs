using System.Diagnostics;
using Grpc.Core;
using LCNet.Runtime.Engine;
using LCNet.Server.Errors;
using LCNet.Server.Models;
using LCNet.Server.Protocols.OpenInference;
using LCNet.V1;

namespace LCNet.Server.Telemetry;

/// <summary>Puts on a request's span what its reply says. Free of cost while nobody listens.</summary>
internal static class RequestSpan
{
    private const string StatusTag = "rpc.response.status_code";

    private static Activity? Current => ImageActivities.Source.HasListeners() && Activity.Current is { IsAllDataRequested: true } activity ? activity : null;

    /// <summary>Says what an image cost.</summary>
    public static void Describe(ClassifyResponse reply)
    {
        Compute compute = reply.Compute;
        Current?
            .SetTag("lcnet.model", reply.Model)
            .SetTag("lcnet.version", reply.Version)
            .SetTag("lcnet.effort", compute.Effort)
            .SetTag("lcnet.device", compute.Device)
            .SetTag("lcnet.batch.size", compute.BatchSize)
            .SetTag("lcnet.flops.dense", compute.DenseFlops)
            .SetTag("lcnet.flops.planned", compute.PlannedFlops)
            .SetTag("lcnet.flops.executed", compute.ExecutedFlops)
            .SetTag("lcnet.flops.gates", compute.GateFlops);
    }

    /// <summary>Says what the images of a batch cost together.</summary>
    public static void Describe(ServedModel model, InferRows rows) => Current?
        .SetTag("lcnet.model", model.ModelName)
        .SetTag("lcnet.version", model.Version)
        .SetTag("lcnet.images", rows.Count)
        .SetTag("lcnet.effort", rows.Effort[0])
        .SetTag("lcnet.device", model.Engine.Device)
        .SetTag("lcnet.batch.size", rows.BatchSize.Max())
        .SetTag("lcnet.flops.dense", rows.DenseFlops * rows.Count)
        .SetTag("lcnet.flops.planned", rows.PlannedFlops.Sum())
        .SetTag("lcnet.flops.executed", rows.ExecutedFlops.Sum())
        .SetTag("lcnet.flops.gates", rows.GateFlops * rows.Count);

    /// <summary>Says which method a call was for and how it ended, in the words of the semantic conventions.</summary>
    /// <param name="method">Its full name, which begins with a slash.</param>
    /// <param name="status">What its caller was told.</param>
    public static void End(string method, StatusCode status)
    {
        // gRPC's own tags have an older form, and a status from before it was put right.
        Current?
            .SetTag("grpc.method", null)
            .SetTag("grpc.status_code", null)
            .SetTag("rpc.system.name", "grpc")
            .SetTag("rpc.method", method[1..]);
        End(status);
    }

    /// <summary>Says how a request ended.</summary>
    /// <param name="status">What its caller was told.</param>
    public static void End(StatusCode status)
    {
        Activity? activity = Current?.SetTag(StatusTag, StatusNames.Of(status));
        if (status is StatusCode.Unknown or StatusCode.DeadlineExceeded or StatusCode.Unimplemented or StatusCode.Internal or StatusCode.Unavailable or StatusCode.DataLoss)
        {
            // Those that are no caller's mistake.
            activity?.SetStatus(ActivityStatusCode.Error, StatusNames.Of(status));
        }
    }
}
