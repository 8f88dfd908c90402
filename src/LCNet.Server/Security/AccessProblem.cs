namespace LCNet.Server;

/// <summary>Why a call or a connection was turned away before anybody looked at what it wants. The names are values of a metric's tag.</summary>
internal enum AccessProblem
{
    /// <summary>No API key came with it.</summary>
    NoKey,

    /// <summary>There is no such key, or no longer.</summary>
    WrongKey,

    /// <summary>No client certificate came with it.</summary>
    NoCertificate,

    /// <summary>Its client certificate is expired, not yet valid, not for clients, or of another authority.</summary>
    WrongCertificate,

    /// <summary>Its key is good, but not an operator's.</summary>
    NotOperator,

    /// <summary>Its address has as many connections as it may have.</summary>
    Connections,
}
