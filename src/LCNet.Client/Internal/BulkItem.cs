using System.Globalization;
using Grpc.Core;
using LCNet.V1;

namespace LCNet.Client.Internal;

/// <summary>One request of a bulk call. Belongs to one task at a time.</summary>
/// <param name="number">Of the request in its bulk call: its id on the wire, as the caller's need not be unique.</param>
/// <param name="request">The caller's; not changed.</param>
internal sealed class BulkItem(long number, ClassifyRequest request)
{
    public long Number => number;

    /// <summary>How often it was sent to a server that may have taken it.</summary>
    public int Attempts { get; private set; }

    /// <summary>The request as it is sent once more.</summary>
    public ClassifyRequest Send()
    {
        Attempts++;
        ClassifyRequest sent = request.Clone();
        sent.Id = Number.ToString(CultureInfo.InvariantCulture);
        return sent;
    }

    /// <summary>It was sent, and its server said that it took none.</summary>
    public void TakeBack() => Attempts = Math.Max(0, Attempts - 1);

    /// <summary>The reply as the caller gets it.</summary>
    public ClassifyStreamResponse Answer(ClassifyStreamResponse reply)
    {
        reply.Id = request.Id;
        if (reply.Response is { } response)
        {
            response.Id = request.Id;
        }

        return reply;
    }

    /// <summary>The reply for a request that no server took.</summary>
    public ClassifyStreamResponse Fail(Status status) =>
        new() { Id = request.Id, Error = new Error { Code = (int)status.StatusCode, Message = status.Detail } };
}
