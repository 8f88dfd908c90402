using System.Globalization;

namespace LCNet.Runtime.Execution;

/// <summary>Where a network runs.</summary>
/// <param name="IsCuda">Whether it is an NVIDIA GPU.</param>
/// <param name="Index">Index of the GPU; 0 for the CPU.</param>
public readonly record struct ComputeDevice(bool IsCuda, int Index)
{
    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="DeviceException">The text is none of these.</exception>
    public static ComputeDevice Parse(string text) => text switch
    {
        "cpu" => new ComputeDevice(false, 0),
        "cuda" => new ComputeDevice(true, 0),
        _ when text is not null && text.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index) => new ComputeDevice(true, index),
        _ => throw new DeviceException($"device '{text}' is unknown: cpu, cuda or cuda:N"),
    };

    /// <inheritdoc/>
    public override string ToString() => IsCuda ? string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}") : "cpu";
}

/// <summary>A device cannot be used. The message says which and why.</summary>
public sealed class DeviceException(string message, Exception? inner = null) : Exception(message, inner);
