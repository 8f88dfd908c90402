using LCNet.Server.Models;

namespace LCNet.Server.Admission;

/// <summary>
/// A request that waits in an <see cref="AdmissionQueue"/>: one image, or a batch that is let in or refused as a whole. Used once. What it is
/// told, it is told once, on the thread of whoever caused it and outside of the queue's lock.
/// </summary>
internal abstract class AdmissionTicket
{
    /// <summary>Makes a ticket.</summary>
    /// <param name="client">Whose request it is; requests of one client wait for each other, those of different clients take turns.</param>
    /// <param name="images">Images, at least 1.</param>
    /// <param name="imageFlops">What one of them is expected to cost, at least 0.</param>
    /// <param name="bytes">What the request holds while it waits, at least 0.</param>
    /// <param name="expires">When its deadline is, as a timestamp of the queue's clock; <see cref="long.MaxValue"/> for none.</param>
    /// <param name="isElastic">Whether its images may cost less once their turn has come: <see cref="AdmissionQueue.ElasticFlops"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    protected AdmissionTicket(string client, int images, long imageFlops, long bytes, long expires, bool isElastic)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(imageFlops);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Client = client;
        Images = images;
        ImageFlops = imageFlops;
        Bytes = bytes;
        Expires = expires;
        IsElastic = isElastic;
    }

    /// <summary>The client whose request it is.</summary>
    public string Client { get; }

    /// <summary>Number of images of the request.</summary>
    public int Images { get; }

    /// <summary>What one image is expected to cost, in FLOPs.</summary>
    public long ImageFlops { get; }

    /// <summary>Bytes that the request holds while it waits.</summary>
    public long Bytes { get; }

    /// <summary>When its deadline is, as a timestamp of the queue's clock; <see cref="long.MaxValue"/> for none.</summary>
    public long Expires { get; }

    /// <summary>Whether its images may cost less once their turn has come.</summary>
    public bool IsElastic { get; }

    // All of these belong to the queue, under its lock.
    internal ClientQueue? Line { get; set; }

    internal LinkedListNode<AdmissionTicket>? Place { get; set; }

    internal int Taken { get; set; }

    internal int Waiting => Place is null ? 0 : Images - Taken;

    /// <summary>Runs an image whose turn has come, on the calling thread. What goes wrong ends the request and is not thrown.</summary>
    /// <returns>FLOPs that the image was planned to cost at the effort that it ran at; 0 where it did not run.</returns>
    public abstract long Run(int image, ModelWorker worker);

    /// <summary>An image's turn is over, and its slot is free again.</summary>
    public abstract void EndTurn();

    /// <summary>It had been let in, and had to make room for another client's before any of its images ran. None will.</summary>
    public abstract void Displace(AdmissionRefusal refusal);

    /// <summary>Called where the deadline came before the request's turn.</summary>
    /// <param name="images">How many of its images had not begun, at least 1; they will not run.</param>
    public abstract void Expire(int images);
}

/// <summary>An image whose turn has come.</summary>
/// <param name="Ticket">Its request.</param>
/// <param name="Image">Which of the request's images, counted from 0.</param>
internal readonly record struct AdmissionTurn(AdmissionTicket Ticket, int Image);
