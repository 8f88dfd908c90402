namespace LCNet.Server;

/// <summary>Whose a call is, and how long it may wait.</summary>
/// <param name="Client">From <see cref="IClientIdentity"/>.</param>
/// <param name="Expires">The deadline as a timestamp of the server's clock, which no change of the time of day moves; <see cref="long.MaxValue"/> for none.</param>
/// <param name="Key">The API key that it came with; null where none are asked for.</param>
internal readonly record struct Caller(string Client, long Expires, ApiKey? Key);
