using System.Text.Json;
using System.Text.Json.Serialization;
using LCNet.Server.Errors;
using LCNet.Server.Protocols.Http;

namespace LCNet.Server.Protocols.Repository;

/// <summary>What the body of a call of the repository says, as Triton's clients write it. Immutable.</summary>
/// <param name="Ready">Whether an index is to have only what is served.</param>
internal sealed record RepositoryRequest(bool Ready)
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>Reads a body; an empty one says nothing.</summary>
    /// <param name="parameters">Names of parameters that are taken, as they change nothing.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT: it is not of this form; what would be ignored is refused.</exception>
    public static async Task<RepositoryRequest> ReadAsync(HttpRequest request, string[] parameters)
    {
        try
        {
            ReadOnlyMemory<byte> body = await RequestBody.ReadAsync(request, MaxBytes, string.Empty, "the request").ConfigureAwait(false);
            if (body.IsEmpty)
            {
                return new RepositoryRequest(false);
            }

            using JsonDocument document = JsonDocument.Parse(body);
            return Read(document.RootElement, parameters);
        }
        catch (ServerError error) when (error.HttpStatus == StatusCodes.Status413PayloadTooLarge)
        {
            throw ServerError.InvalidArgument($"the request has more than {MaxBytes} bytes; a model is loaded from the folder alone, and its files cannot be sent");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw NoObject();
        }
    }

    /// <summary>The error for a parameter that is not taken.</summary>
    public static ServerError NoParameter(string name) => ServerError.InvalidArgument($"parameters: {ServerError.Quote(name)} is not taken; a model is what lies in its folder");

    private static RepositoryRequest Read(JsonElement root, string[] parameters)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw NoObject();
        }

        bool ready = false;
        foreach (JsonProperty property in root.EnumerateObject())
        {
            switch (property)
            {
                case { Name: "ready", Value.ValueKind: JsonValueKind.True or JsonValueKind.False }:
                    ready = property.Value.GetBoolean();
                    break;
                case { Name: "parameters", Value.ValueKind: JsonValueKind.Object }:
                    if (property.Value.EnumerateObject().FirstOrDefault(parameter => !parameters.Contains(parameter.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } other)
                    {
                        throw NoParameter(other.Name);
                    }

                    break;
                default:
                    throw ServerError.InvalidArgument($"{ServerError.Quote(property.Name)} is not taken, or not of this form");
            }
        }

        return new RepositoryRequest(ready);
    }

    private static ServerError NoObject() => ServerError.InvalidArgument("the request is not a JSON object");
}

/// <summary>A version in the index of the repository.</summary>
/// <param name="Name">The model.</param>
/// <param name="Version">The version.</param>
/// <param name="State"><c>READY</c> where it is served, else <c>UNAVAILABLE</c>.</param>
/// <param name="Reason">Why what lies in its folder could not be loaded; empty where nothing is wrong.</param>
internal sealed record RepositoryModel(string Name, string Version, string State, string Reason);

/// <summary>Writes what the calls of the repository answer, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RepositoryModel[]))]
internal sealed partial class RepositoryJson : JsonSerializerContext;
