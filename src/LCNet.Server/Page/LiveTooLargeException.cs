namespace LCNet.Server;

/// <summary>A request's body is larger than an image may be.</summary>
internal sealed class LiveTooLargeException(string message) : Exception(message);
