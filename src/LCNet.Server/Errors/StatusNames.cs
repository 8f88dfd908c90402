using Grpc.Core;

namespace LCNet.Server.Errors;

/// <summary>The names that the gRPC specification gives its status codes.</summary>
internal static class StatusNames
{
    private static readonly string[] Names =
    [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ];

    /// <summary>How many status codes there are; they are numbered from 0.</summary>
    public static int Count => Names.Length;

    /// <summary>The name of a status code, for example <c>INVALID_ARGUMENT</c>; <c>UNKNOWN</c> where there is no such code.</summary>
    public static string Of(StatusCode status) => (int)status >= 0 && (int)status < Names.Length ? Names[(int)status] : Names[(int)StatusCode.Unknown];

    /// <summary>The status code of a name; <see cref="StatusCode.Unknown"/> where there is no such name.</summary>
    public static StatusCode Parse(string name) => Array.IndexOf(Names, name) is >= 0 and int status ? (StatusCode)status : StatusCode.Unknown;
}
