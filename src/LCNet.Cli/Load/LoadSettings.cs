using System.Net;

namespace LCNet.Cli.Load;

/// <summary>What to load a server with.</summary>
internal sealed record LoadSettings
{
    /// <summary>Address of the server, a loopback address.</summary>
    public required Uri Server { get; init; }

    /// <summary>Address of the server's HTTP port, a loopback address, where images are sent by <c>POST /v1/classify</c>; null for gRPC.</summary>
    public Uri? Http { get; init; }

    /// <summary>Source address of the connections, another client to the server; null for the usual one.</summary>
    public IPAddress? From { get; init; }

    /// <summary>Requests a second, whether or not the server keeps up; null for a closed loop.</summary>
    public double? Rate { get; init; }

    /// <summary>Images a request: 1 are sent by <c>Classify</c>, more by the Open Inference Protocol's <c>ModelInfer</c>.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Requests at a time, in a closed loop and while warming up.</summary>
    public int Concurrency { get; init; } = 16;

    /// <summary>Connections that requests are spread over.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>Duration of the load, without the warm-up.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to warm up before, in a closed loop.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Time that a request may take before its caller gives it up.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The latency that was promised, to count those that kept it.</summary>
    public TimeSpan Objective { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Effort of every image; null to leave it to the server.</summary>
    public double? Effort { get; init; }

    /// <summary>The server's process, whose memory is to be watched; null for none.</summary>
    public int? Process { get; init; }

    /// <summary>Of the times at which requests are sent.</summary>
    public int Seed { get; init; } = 1;
}
