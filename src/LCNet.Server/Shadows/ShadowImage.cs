using System.Diagnostics;
using LCNet.Server.Models;

namespace LCNet.Server.Shadows;

/// <summary>
/// An image that was answered and waits to run once more with every gate open: the network's input, what was answered, and at which effort. It belongs to its model's <see cref="ShadowBuffers"/> and is reused. Not thread-safe.
/// </summary>
internal sealed class ShadowImage
{
    /// <summary>Makes an empty one that fits a network.</summary>
    public ShadowImage(int inputLength, int labels) => (Input, Logits) = (new float[inputLength], new float[labels]);

    /// <summary>The network's input.</summary>
    public float[] Input { get; }

    /// <summary>What was answered.</summary>
    public float[] Logits { get; }

    /// <summary>The model that answered; held from <see cref="Take"/> on, by one use of it.</summary>
    public ServedModel Model { get; private set; } = null!;

    /// <summary>The effort that it was answered at.</summary>
    public double Effort { get; private set; }

    /// <summary>Whether its FLOPs had a cap, of which the calibration table says nothing.</summary>
    public bool IsCapped { get; private set; }

    /// <summary>When it was answered, a timestamp of the server's clock.</summary>
    public long Answered { get; private set; }

    /// <summary>The span that answered it; the default where there is none.</summary>
    public ActivityContext Trace { get; private set; }

    /// <summary>Takes over what a worker has just answered.</summary>
    /// <param name="model">In use by the caller, and used once more by this image.</param>
    /// <param name="worker">Whose input and result are copied.</param>
    public void Take(ServedModel model, ModelWorker worker, bool isCapped, long answered)
    {
        worker.Input.CopyTo(Input, 0);
        worker.Result.Logits.CopyTo(Logits);
        (Model, Effort, IsCapped, Answered) = (model, worker.Result.Effort, isCapped, answered);
        Trace = Activity.Current?.Context ?? default;
    }

    /// <summary>Overwrites the image: nothing of it is kept for longer than its shadow takes.</summary>
    public void Clear()
    {
        Array.Clear(Input);
        Array.Clear(Logits);
        (Model, Trace) = (null!, default);
    }
}
