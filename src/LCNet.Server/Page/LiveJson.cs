using System.Text.Json.Serialization;

namespace LCNet.Server;

/// <summary>Writes what the live page asks for, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LiveFigures))]
[JsonSerializable(typeof(LiveReply))]
[JsonSerializable(typeof(LiveProblem))]
internal sealed partial class LiveJson : JsonSerializerContext;
