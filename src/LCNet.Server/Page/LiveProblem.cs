using System.Text.Json.Serialization;

namespace LCNet.Server;

/// <summary>Why an image was not classified, as RFC 9457 has it.</summary>
/// <param name="Title">The gRPC status that the same request would have got, for example <c>INVALID_ARGUMENT</c>.</param>
/// <param name="Status">Of HTTP.</param>
/// <param name="Detail">As the gRPC call says it: the field in error and its limit.</param>
/// <param name="Field">That is in error, the first where there are several; null where none is.</param>
internal sealed record LiveProblem(
    string Title,
    int Status,
    string Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Field);
