using System.Diagnostics;
using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>One request to classify, measured from its arrival to the end of its reply. Belongs to that request alone; not thread-safe.</summary>
internal sealed class MeasuredRequest(ServerMetrics metrics)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private ModelMetrics? _model;

    /// <summary>Says which model it is for; without that it is for none that is served.</summary>
    public void Begin(ServedModel model)
    {
        _model = metrics.Of(model);
        _model.Begin();
    }

    /// <summary>Its image is answered. Call it after <see cref="Begin"/>.</summary>
    public void Answer(ClassifyResponse reply)
    {
        _model!.Answer(reply.Compute);
        RequestSpan.Describe(reply);
    }

    /// <summary>Its images are answered. Call it after <see cref="Begin"/>.</summary>
    public void Answer(ServedModel model, InferRows rows)
    {
        _model!.Answer(rows);
        RequestSpan.Describe(model, rows);
    }

    /// <summary>It has ended.</summary>
    /// <param name="status">What its caller was told.</param>
    public void End(StatusCode status)
    {
        if (_model is null)
        {
            _model = metrics.Unknown;
            _model.Begin();
        }

        _model.End(status, Stopwatch.GetElapsedTime(_started));
    }
}
