using System.Text.Json;
using System.Text.Json.Serialization;

namespace LCNet.Server;

/// <summary>The file of API keys as it is written.</summary>
internal sealed record KeyFile
{
    /// <summary>The keys.</summary>
    public required IReadOnlyList<KeyEntry> Keys { get; init; }

    /// <summary>One key.</summary>
    internal sealed record KeyEntry
    {
        /// <summary>1 to 64 letters, digits, dots, hyphens and underscores; shown in logs.</summary>
        public required string Name { get; init; }

        /// <summary>SHA-256 of the key in 64 hexadecimal digits.</summary>
        public required string Sha256 { get; init; }

        /// <summary>As <see cref="KeyLimits.IsOperator"/>.</summary>
        public bool Operator { get; init; }

        /// <summary>As <see cref="KeyLimits.ImagesPerSecond"/>, 0.001 to 1e9.</summary>
        public double? ImagesPerSecond { get; init; }

        /// <summary>As <see cref="KeyLimits.FlopsPerSecond"/>, 1 to 1e18.</summary>
        public double? FlopsPerSecond { get; init; }

        /// <summary>As <see cref="KeyLimits.ConcurrentImages"/>, 1 to 1,000,000.</summary>
        public int? ConcurrentImages { get; init; }
    }
}

/// <summary>How it is read.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(KeyFile))]
internal sealed partial class KeyJson : JsonSerializerContext;
