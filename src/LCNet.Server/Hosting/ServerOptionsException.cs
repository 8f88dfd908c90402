namespace LCNet.Server;

/// <summary>The server's settings are wrong.</summary>
public sealed class ServerOptionsException : Exception
{
    internal ServerOptionsException(IReadOnlyList<string> problems)
        : base(string.Join("; ", problems))
    {
        Problems = problems;
    }

    /// <summary>Every problem, as one line that begins with the setting's name.</summary>
    public IReadOnlyList<string> Problems { get; }
}
