using System.Diagnostics;

namespace LCNet.Runtime.Engine;

/// <summary>The spans of an image's way through a network, as children of whatever span the caller is in. While nobody listens none is made.</summary>
public static class ImageActivities
{
    /// <summary>Name of the source, which is that of the server's meter too.</summary>
    public const string SourceName = "LCNet.Serving";

    /// <summary>One of the requests of a stream.</summary>
    public const string Request = "request";

    /// <summary>One of the images of a batch.</summary>
    public const string Image = "image";

    /// <summary>Waiting for something that one image at a time may use.</summary>
    public const string Queue = "queue";

    /// <summary>From an image file to the network's input.</summary>
    public const string Decode = "decode";

    /// <summary>The first convolution.</summary>
    public const string Stem = "stem";

    /// <summary>The gates of one span of blocks, and the planning that follows.</summary>
    public const string Gate = "gate";

    /// <summary>The blocks that one gate decided.</summary>
    public const string Blocks = "blocks";

    /// <summary>Pooling and classifier.</summary>
    public const string Head = "head";

    /// <summary>An image's run with every gate open after it was answered.</summary>
    public const string Shadow = "shadow";

    /// <summary>Attribute: FLOPs that the span dispatched. Those of one image's spans add up to what it executed.</summary>
    public const string Flops = "lcnet.flops";

    /// <summary>Makes the spans. Thread-safe.</summary>
    public static ActivitySource Source { get; } = new(SourceName);

    /// <summary>Begins to wait, as a span; dispose it when the wait is over.</summary>
    /// <param name="awaited">What is waited for, for example <c>worker</c>.</param>
    public static Activity? StartQueue(string awaited) => Source.StartActivity(Queue)?.SetTag("lcnet.queue", awaited);
}
