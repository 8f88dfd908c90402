using System.Text.Json;
using System.Text.Json.Serialization;

namespace LCNet.Server.Security.Keys;

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

        /// <summary>As <see cref="KeyLimits.MayVerify"/>.</summary>
        public bool Verify { get; init; } = true;
    }
}

/// <summary>Reads the file without reflection, and refuses what it does not know.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(KeyFile))]
internal sealed partial class KeyJson : JsonSerializerContext;

/// <summary>What a key may do. Null limits are none.</summary>
/// <param name="IsOperator">Whether it opens the live page and <c>/metrics</c>.</param>
/// <param name="ImagesPerSecond">Images a second, in the mean.</param>
/// <param name="FlopsPerSecond">FLOPs a second that its images' plans need, in the mean.</param>
/// <param name="ConcurrentImages">Images that wait or run at the same time.</param>
/// <param name="MayVerify">Whether it may ask for the whole network's answer besides, at the cost of both.</param>
internal sealed record KeyLimits(bool IsOperator, double? ImagesPerSecond, double? FlopsPerSecond, int? ConcurrentImages, bool MayVerify = true);
