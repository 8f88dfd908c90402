using System.Runtime.CompilerServices;

namespace LCNet.Runtime.Batching;

/// <summary>Makes memory of the host, as a device likes it best.</summary>
internal interface IHostMemory
{
    /// <summary>Takes memory, cleared.</summary>
    /// <param name="bytes">Above 0.</param>
    /// <returns>Its address, a multiple of 64; until the maker is disposed of.</returns>
    nint AllocateHost(long bytes);
}

/// <summary>Values in memory of the host that does not move.</summary>
/// <typeparam name="T">Of a value.</typeparam>
/// <param name="memory">Makes the memory, and outlives this.</param>
/// <param name="length">How many values, at least 1.</param>
internal sealed unsafe class HostMemory<T>(IHostMemory memory, int length)
    where T : unmanaged
{
    /// <summary>Where they lie.</summary>
    public nint Address { get; } = memory.AllocateHost((long)length * Unsafe.SizeOf<T>());

    /// <summary>All of them.</summary>
    public Span<T> Span => new((void*)Address, length);
}
