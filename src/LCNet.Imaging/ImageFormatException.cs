namespace LCNet.Imaging;

/// <summary>Bytes that are not an image this server reads, or one over its limits. The message says which and names the limit.</summary>
public sealed class ImageFormatException(string message) : Exception(message);
