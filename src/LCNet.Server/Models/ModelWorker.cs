using System.Diagnostics;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.Server.Admission;

namespace LCNet.Server.Models;

/// <summary>
/// A thread that runs a model's images, one after the other, with buffers that are reused without clearing: everything is overwritten before it is read. It is no thread of the pool: those read requests, write
/// replies and refuse what there is no room for, and must not find themselves behind images.
/// </summary>
internal sealed class ModelWorker : IDisposable
{
    private readonly AdmissionQueue _queue;
    private readonly Thread _thread;

    /// <summary>Makes a worker that does not work yet.</summary>
    /// <param name="engine">Runs the images; not owned.</param>
    /// <param name="queue">Hands out the images; not owned.</param>
    public ModelWorker(InferenceEngine engine, ImageLimits limits, AdmissionQueue queue)
    {
        InputSpec input = engine.Bundle.Manifest.Input;
        Session = engine.CreateSession();
        Reader = new InputReader(input.Width, input.Height, input.Mean, input.Std, limits);
        Input = new float[input.Length];
        Result = engine.CreateResult();
        Whole = engine.CreateResult();
        _queue = queue;
        _thread = new Thread(Work) { IsBackground = true, Name = "lcnet-image" };
    }

    /// <summary>Runs the network.</summary>
    public EngineSession Session { get; }

    /// <summary>Reads image files.</summary>
    public InputReader Reader { get; }

    /// <summary>The network's input, 3 × height × width values.</summary>
    public float[] Input { get; }

    /// <summary>The result of the image that ran last.</summary>
    public InferenceResult Result { get; }

    /// <summary>The result of the latest image that ran with every gate open.</summary>
    public InferenceResult Whole { get; }

    /// <summary>Begins to take images from the queue.</summary>
    public void Start() => _thread.Start();

    /// <summary>Waits for its end, which comes once the queue is closed; an image that runs does so to its end.</summary>
    public void Join() => _thread.Join();

    /// <summary>Frees its buffers. Call it after <see cref="Join"/>.</summary>
    public void Dispose() => Session.Dispose();

    private void Work()
    {
        while (_queue.Take() is { } turn)
        {
            long began = Stopwatch.GetTimestamp();
            long planned = turn.Ticket.Run(turn.Image, this);
            _queue.Complete(turn, planned, Stopwatch.GetElapsedTime(began));

            // Only now: who has its reply may send the next image and finds a free slot.
            turn.Ticket.EndTurn();
        }
    }
}
