namespace LCNet.Runtime.Execution.Simd;

/// <summary>
/// Computing with vectors of floats of some width, so that one kernel serves every width. All members compile to single instructions where the machine has them.
/// </summary>
/// <remarks><c>KernelGenerator</c> writes the implementations for 512, 256 and 128 bits. The vectors are the runtime's own: wrapped in a type with these members they cost the compiler's kernels a copy for every fourth multiply-add.</remarks>
/// <typeparam name="TVector">The vector.</typeparam>
internal unsafe interface ISimd<TVector>
    where TVector : struct
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Lanes { get; }

    /// <summary>Whether thirty-two vectors fit into registers; otherwise sixteen.</summary>
    static abstract bool HasManyRegisters { get; }

    static abstract TVector Load(float* source);

    static abstract TVector Broadcast(float value);

    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector addend);

    static abstract TVector Max(TVector left, TVector right);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    /// <summary>Both's bits: a mask keeps a float or makes it zero, whatever it is.</summary>
    static abstract TVector And(TVector left, TVector right);

    static abstract float Sum(TVector value);

    static abstract void Store(TVector value, float* destination);
}
