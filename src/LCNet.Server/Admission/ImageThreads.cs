using System.Diagnostics;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>
/// The threads that run a model's images, one for each that may be under way. They are no threads of the pool: those read requests, write
/// replies and refuse what there is no room for, and must not find themselves behind images.
/// </summary>
internal sealed class ImageThreads : IDisposable
{
    private readonly AdmissionControl _queue;
    private readonly List<Thread> _threads = [];

    /// <summary>Starts the threads.</summary>
    /// <param name="queue">Of <see cref="ImageTicket"/>s; closed, not owned.</param>
    /// <param name="buffers">For each thread its own.</param>
    public ImageThreads(AdmissionControl queue, IEnumerable<ClassifyBuffers> buffers)
    {
        _queue = queue;
        foreach (ClassifyBuffers own in buffers)
        {
            var thread = new Thread(() => Work(own)) { IsBackground = true, Name = "lcnet-image" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Ends them; images that run do so to their end.</summary>
    public void Dispose()
    {
        _queue.Close();
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

    private void Work(ClassifyBuffers buffers)
    {
        while (_queue.Take() is { } turn)
        {
            var ticket = (ImageTicket)turn.Ticket;
            long began = Stopwatch.GetTimestamp();
            long planned = ticket.Run(turn.Image, buffers);
            _queue.Complete(turn, planned, Stopwatch.GetElapsedTime(began));

            // Only now: who has its reply may send the next image and finds a free slot.
            ticket.End();
        }
    }
}
