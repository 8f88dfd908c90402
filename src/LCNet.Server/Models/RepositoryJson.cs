using System.Text.Json.Serialization;

namespace LCNet.Server;

/// <summary>Writes what the calls of the repository answer, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RepositoryModel[]))]
[JsonSerializable(typeof(RepositoryError))]
internal sealed partial class RepositoryJson : JsonSerializerContext;
