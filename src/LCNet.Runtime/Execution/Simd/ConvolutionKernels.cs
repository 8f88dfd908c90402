using System.Runtime.CompilerServices;

namespace LCNet.Runtime;

/// <summary>
/// The inner loops of convolutions, one for each number of pixel vectors × output channels whose sums are held in registers. Each term is loaded once and used for
/// all of them. They differ in nothing else; the compiler keeps only separate variables in registers, hence no loop over them. What is not needed in a loop is
/// computed anew behind it, or it would take a register.
/// </summary>
internal static unsafe class ConvolutionKernels
{
    /// <summary>Twelve sums: the most that sixteen registers hold beside three vectors and a weight.</summary>
    public static void Run3X4<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1, int p2)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a02, a10, a11, a12, a20, a21, a22, a30, a31, a32;
        if (tile.IsFirst)
        {
            a00 = a01 = a02 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = a12 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = a22 = TSimd.Broadcast(outputs[2].Bias);
            a30 = a31 = a32 = TSimd.Broadcast(outputs[3].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + p0);
            a01 = TSimd.Load(outputs[0].Plane + p1);
            a02 = TSimd.Load(outputs[0].Plane + p2);
            a10 = TSimd.Load(outputs[1].Plane + p0);
            a11 = TSimd.Load(outputs[1].Plane + p1);
            a12 = TSimd.Load(outputs[1].Plane + p2);
            a20 = TSimd.Load(outputs[2].Plane + p0);
            a21 = TSimd.Load(outputs[2].Plane + p1);
            a22 = TSimd.Load(outputs[2].Plane + p2);
            a30 = TSimd.Load(outputs[3].Plane + p0);
            a31 = TSimd.Load(outputs[3].Plane + p1);
            a32 = TSimd.Load(outputs[3].Plane + p2);
        }

        float* x0 = tile.Input + p0;
        float* x1 = tile.Input + p1;
        float* x2 = tile.Input + p2;
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        Term* end = tile.Terms + tile.Count;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (TTaps.Count == 3)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }
        }

        WriteThree<TSimd, TVector>(tile, outputs + 0, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a00, a01, a02);
        WriteThree<TSimd, TVector>(tile, outputs + 1, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a10, a11, a12);
        WriteThree<TSimd, TVector>(tile, outputs + 2, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a20, a21, a22);
        WriteThree<TSimd, TVector>(tile, outputs + 3, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a30, a31, a32);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TSimd.Load(x0 + x);
            TVector v1 = TSimd.Load(x1 + x);
            TVector v2 = TSimd.Load(x2 + x);
            TVector weight = TSimd.Broadcast(w0[w]);
            a00 = TSimd.MultiplyAdd(v0, weight, a00);
            a01 = TSimd.MultiplyAdd(v1, weight, a01);
            a02 = TSimd.MultiplyAdd(v2, weight, a02);
            weight = TSimd.Broadcast(w1[w]);
            a10 = TSimd.MultiplyAdd(v0, weight, a10);
            a11 = TSimd.MultiplyAdd(v1, weight, a11);
            a12 = TSimd.MultiplyAdd(v2, weight, a12);
            weight = TSimd.Broadcast(w2[w]);
            a20 = TSimd.MultiplyAdd(v0, weight, a20);
            a21 = TSimd.MultiplyAdd(v1, weight, a21);
            a22 = TSimd.MultiplyAdd(v2, weight, a22);
            weight = TSimd.Broadcast(w3[w]);
            a30 = TSimd.MultiplyAdd(v0, weight, a30);
            a31 = TSimd.MultiplyAdd(v1, weight, a31);
            a32 = TSimd.MultiplyAdd(v2, weight, a32);
        }
    }

    /// <summary>Nine sums.</summary>
    public static void Run3X3<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1, int p2)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a02, a10, a11, a12, a20, a21, a22;
        if (tile.IsFirst)
        {
            a00 = a01 = a02 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = a12 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = a22 = TSimd.Broadcast(outputs[2].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + p0);
            a01 = TSimd.Load(outputs[0].Plane + p1);
            a02 = TSimd.Load(outputs[0].Plane + p2);
            a10 = TSimd.Load(outputs[1].Plane + p0);
            a11 = TSimd.Load(outputs[1].Plane + p1);
            a12 = TSimd.Load(outputs[1].Plane + p2);
            a20 = TSimd.Load(outputs[2].Plane + p0);
            a21 = TSimd.Load(outputs[2].Plane + p1);
            a22 = TSimd.Load(outputs[2].Plane + p2);
        }

        float* x0 = tile.Input + p0;
        float* x1 = tile.Input + p1;
        float* x2 = tile.Input + p2;
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        Term* end = tile.Terms + tile.Count;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (TTaps.Count == 3)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }
        }

        WriteThree<TSimd, TVector>(tile, outputs + 0, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a00, a01, a02);
        WriteThree<TSimd, TVector>(tile, outputs + 1, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a10, a11, a12);
        WriteThree<TSimd, TVector>(tile, outputs + 2, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), (nint)(x2 - tile.Input), a20, a21, a22);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TSimd.Load(x0 + x);
            TVector v1 = TSimd.Load(x1 + x);
            TVector v2 = TSimd.Load(x2 + x);
            TVector weight = TSimd.Broadcast(w0[w]);
            a00 = TSimd.MultiplyAdd(v0, weight, a00);
            a01 = TSimd.MultiplyAdd(v1, weight, a01);
            a02 = TSimd.MultiplyAdd(v2, weight, a02);
            weight = TSimd.Broadcast(w1[w]);
            a10 = TSimd.MultiplyAdd(v0, weight, a10);
            a11 = TSimd.MultiplyAdd(v1, weight, a11);
            a12 = TSimd.MultiplyAdd(v2, weight, a12);
            weight = TSimd.Broadcast(w2[w]);
            a20 = TSimd.MultiplyAdd(v0, weight, a20);
            a21 = TSimd.MultiplyAdd(v1, weight, a21);
            a22 = TSimd.MultiplyAdd(v2, weight, a22);
        }
    }

    /// <summary>Twelve sums, for what is left of a plane.</summary>
    public static void Run2X6<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a10, a11, a20, a21, a30, a31, a40, a41, a50, a51;
        if (tile.IsFirst)
        {
            a00 = a01 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = TSimd.Broadcast(outputs[2].Bias);
            a30 = a31 = TSimd.Broadcast(outputs[3].Bias);
            a40 = a41 = TSimd.Broadcast(outputs[4].Bias);
            a50 = a51 = TSimd.Broadcast(outputs[5].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + p0);
            a01 = TSimd.Load(outputs[0].Plane + p1);
            a10 = TSimd.Load(outputs[1].Plane + p0);
            a11 = TSimd.Load(outputs[1].Plane + p1);
            a20 = TSimd.Load(outputs[2].Plane + p0);
            a21 = TSimd.Load(outputs[2].Plane + p1);
            a30 = TSimd.Load(outputs[3].Plane + p0);
            a31 = TSimd.Load(outputs[3].Plane + p1);
            a40 = TSimd.Load(outputs[4].Plane + p0);
            a41 = TSimd.Load(outputs[4].Plane + p1);
            a50 = TSimd.Load(outputs[5].Plane + p0);
            a51 = TSimd.Load(outputs[5].Plane + p1);
        }

        float* x0 = tile.Input + p0;
        float* x1 = tile.Input + p1;
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        float* w4 = outputs[4].Weights;
        float* w5 = outputs[5].Weights;
        Term* end = tile.Terms + tile.Count;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (TTaps.Count == 3)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }
        }

        WriteTwo<TSimd, TVector>(tile, outputs + 0, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a00, a01);
        WriteTwo<TSimd, TVector>(tile, outputs + 1, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a10, a11);
        WriteTwo<TSimd, TVector>(tile, outputs + 2, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a20, a21);
        WriteTwo<TSimd, TVector>(tile, outputs + 3, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a30, a31);
        WriteTwo<TSimd, TVector>(tile, outputs + 4, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a40, a41);
        WriteTwo<TSimd, TVector>(tile, outputs + 5, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a50, a51);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TSimd.Load(x0 + x);
            TVector v1 = TSimd.Load(x1 + x);
            TVector weight = TSimd.Broadcast(w0[w]);
            a00 = TSimd.MultiplyAdd(v0, weight, a00);
            a01 = TSimd.MultiplyAdd(v1, weight, a01);
            weight = TSimd.Broadcast(w1[w]);
            a10 = TSimd.MultiplyAdd(v0, weight, a10);
            a11 = TSimd.MultiplyAdd(v1, weight, a11);
            weight = TSimd.Broadcast(w2[w]);
            a20 = TSimd.MultiplyAdd(v0, weight, a20);
            a21 = TSimd.MultiplyAdd(v1, weight, a21);
            weight = TSimd.Broadcast(w3[w]);
            a30 = TSimd.MultiplyAdd(v0, weight, a30);
            a31 = TSimd.MultiplyAdd(v1, weight, a31);
            weight = TSimd.Broadcast(w4[w]);
            a40 = TSimd.MultiplyAdd(v0, weight, a40);
            a41 = TSimd.MultiplyAdd(v1, weight, a41);
            weight = TSimd.Broadcast(w5[w]);
            a50 = TSimd.MultiplyAdd(v0, weight, a50);
            a51 = TSimd.MultiplyAdd(v1, weight, a51);
        }
    }

    /// <summary>Eight sums: with two multiply-adds a cycle of four cycles each, the fewest that keep them busy.</summary>
    public static void Run2X4<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a10, a11, a20, a21, a30, a31;
        if (tile.IsFirst)
        {
            a00 = a01 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = TSimd.Broadcast(outputs[2].Bias);
            a30 = a31 = TSimd.Broadcast(outputs[3].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + p0);
            a01 = TSimd.Load(outputs[0].Plane + p1);
            a10 = TSimd.Load(outputs[1].Plane + p0);
            a11 = TSimd.Load(outputs[1].Plane + p1);
            a20 = TSimd.Load(outputs[2].Plane + p0);
            a21 = TSimd.Load(outputs[2].Plane + p1);
            a30 = TSimd.Load(outputs[3].Plane + p0);
            a31 = TSimd.Load(outputs[3].Plane + p1);
        }

        float* x0 = tile.Input + p0;
        float* x1 = tile.Input + p1;
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        Term* end = tile.Terms + tile.Count;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (TTaps.Count == 3)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }
        }

        WriteTwo<TSimd, TVector>(tile, outputs + 0, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a00, a01);
        WriteTwo<TSimd, TVector>(tile, outputs + 1, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a10, a11);
        WriteTwo<TSimd, TVector>(tile, outputs + 2, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a20, a21);
        WriteTwo<TSimd, TVector>(tile, outputs + 3, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a30, a31);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TSimd.Load(x0 + x);
            TVector v1 = TSimd.Load(x1 + x);
            TVector weight = TSimd.Broadcast(w0[w]);
            a00 = TSimd.MultiplyAdd(v0, weight, a00);
            a01 = TSimd.MultiplyAdd(v1, weight, a01);
            weight = TSimd.Broadcast(w1[w]);
            a10 = TSimd.MultiplyAdd(v0, weight, a10);
            a11 = TSimd.MultiplyAdd(v1, weight, a11);
            weight = TSimd.Broadcast(w2[w]);
            a20 = TSimd.MultiplyAdd(v0, weight, a20);
            a21 = TSimd.MultiplyAdd(v1, weight, a21);
            weight = TSimd.Broadcast(w3[w]);
            a30 = TSimd.MultiplyAdd(v0, weight, a30);
            a31 = TSimd.MultiplyAdd(v1, weight, a31);
        }
    }

    /// <summary>Six sums.</summary>
    public static void Run2X3<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a10, a11, a20, a21;
        if (tile.IsFirst)
        {
            a00 = a01 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = TSimd.Broadcast(outputs[2].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + p0);
            a01 = TSimd.Load(outputs[0].Plane + p1);
            a10 = TSimd.Load(outputs[1].Plane + p0);
            a11 = TSimd.Load(outputs[1].Plane + p1);
            a20 = TSimd.Load(outputs[2].Plane + p0);
            a21 = TSimd.Load(outputs[2].Plane + p1);
        }

        float* x0 = tile.Input + p0;
        float* x1 = tile.Input + p1;
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        Term* end = tile.Terms + tile.Count;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (TTaps.Count == 3)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }
        }

        WriteTwo<TSimd, TVector>(tile, outputs + 0, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a00, a01);
        WriteTwo<TSimd, TVector>(tile, outputs + 1, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a10, a11);
        WriteTwo<TSimd, TVector>(tile, outputs + 2, (nint)(x0 - tile.Input), (nint)(x1 - tile.Input), a20, a21);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TSimd.Load(x0 + x);
            TVector v1 = TSimd.Load(x1 + x);
            TVector weight = TSimd.Broadcast(w0[w]);
            a00 = TSimd.MultiplyAdd(v0, weight, a00);
            a01 = TSimd.MultiplyAdd(v1, weight, a01);
            weight = TSimd.Broadcast(w1[w]);
            a10 = TSimd.MultiplyAdd(v0, weight, a10);
            a11 = TSimd.MultiplyAdd(v1, weight, a11);
            weight = TSimd.Broadcast(w2[w]);
            a20 = TSimd.MultiplyAdd(v0, weight, a20);
            a21 = TSimd.MultiplyAdd(v1, weight, a21);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteThree<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, nint p0, nint p1, nint p2, TVector a0, TVector a1, TVector a2)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a2 = Finish<TSimd, TVector>(tile, output, p2, a2);
        }

        WriteTwo<TSimd, TVector>(tile, output, p0, p1, a0, a1);
        TSimd.Store(a2, output->Plane + p2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteTwo<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, nint p0, nint p1, TVector a0, TVector a1)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a0 = Finish<TSimd, TVector>(tile, output, p0, a0);
            a1 = Finish<TSimd, TVector>(tile, output, p1, a1);
        }

        TSimd.Store(a0, output->Plane + p0);
        TSimd.Store(a1, output->Plane + p1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Finish<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, nint pixel, TVector sum)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        TVector residual = output->Residual is null ? default : TSimd.Load(output->Residual + pixel);
        return TSimd.Max(TSimd.Broadcast(tile.Floor), TSimd.MultiplyAdd(sum, TSimd.Broadcast(output->Scale), residual));
    }
}
