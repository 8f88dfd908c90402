namespace LCNet.Server;

/// <summary>A file of keys or certificates cannot be used. The message says why, and nothing of what the file holds.</summary>
internal sealed class SecurityFileException(string message) : Exception(message);
