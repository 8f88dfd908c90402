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
    public static void Run3X4<TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1, int p2)
        where TVector : struct, ISimd<TVector>
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a02, a10, a11, a12, a20, a21, a22, a30, a31, a32;
        if (tile.IsFirst)
        {
            a00 = a01 = a02 = TVector.Broadcast(outputs[0].Bias);
            a10 = a11 = a12 = TVector.Broadcast(outputs[1].Bias);
            a20 = a21 = a22 = TVector.Broadcast(outputs[2].Bias);
            a30 = a31 = a32 = TVector.Broadcast(outputs[3].Bias);
        }
        else
        {
            a00 = TVector.Load(outputs[0].Plane + p0);
            a01 = TVector.Load(outputs[0].Plane + p1);
            a02 = TVector.Load(outputs[0].Plane + p2);
            a10 = TVector.Load(outputs[1].Plane + p0);
            a11 = TVector.Load(outputs[1].Plane + p1);
            a12 = TVector.Load(outputs[1].Plane + p2);
            a20 = TVector.Load(outputs[2].Plane + p0);
            a21 = TVector.Load(outputs[2].Plane + p1);
            a22 = TVector.Load(outputs[2].Plane + p2);
            a30 = TVector.Load(outputs[3].Plane + p0);
            a31 = TVector.Load(outputs[3].Plane + p1);
            a32 = TVector.Load(outputs[3].Plane + p2);
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

        Write(tile, outputs[0], x0 - tile.Input, a00);
        Write(tile, outputs[0], x1 - tile.Input, a01);
        Write(tile, outputs[0], x2 - tile.Input, a02);
        Write(tile, outputs[1], x0 - tile.Input, a10);
        Write(tile, outputs[1], x1 - tile.Input, a11);
        Write(tile, outputs[1], x2 - tile.Input, a12);
        Write(tile, outputs[2], x0 - tile.Input, a20);
        Write(tile, outputs[2], x1 - tile.Input, a21);
        Write(tile, outputs[2], x2 - tile.Input, a22);
        Write(tile, outputs[3], x0 - tile.Input, a30);
        Write(tile, outputs[3], x1 - tile.Input, a31);
        Write(tile, outputs[3], x2 - tile.Input, a32);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TVector.Load(x0 + x);
            TVector v1 = TVector.Load(x1 + x);
            TVector v2 = TVector.Load(x2 + x);
            TVector weight = TVector.Broadcast(w0[w]);
            a00 = TVector.MultiplyAdd(v0, weight, a00);
            a01 = TVector.MultiplyAdd(v1, weight, a01);
            a02 = TVector.MultiplyAdd(v2, weight, a02);
            weight = TVector.Broadcast(w1[w]);
            a10 = TVector.MultiplyAdd(v0, weight, a10);
            a11 = TVector.MultiplyAdd(v1, weight, a11);
            a12 = TVector.MultiplyAdd(v2, weight, a12);
            weight = TVector.Broadcast(w2[w]);
            a20 = TVector.MultiplyAdd(v0, weight, a20);
            a21 = TVector.MultiplyAdd(v1, weight, a21);
            a22 = TVector.MultiplyAdd(v2, weight, a22);
            weight = TVector.Broadcast(w3[w]);
            a30 = TVector.MultiplyAdd(v0, weight, a30);
            a31 = TVector.MultiplyAdd(v1, weight, a31);
            a32 = TVector.MultiplyAdd(v2, weight, a32);
        }
    }

    /// <summary>Nine sums.</summary>
    public static void Run3X3<TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1, int p2)
        where TVector : struct, ISimd<TVector>
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a02, a10, a11, a12, a20, a21, a22;
        if (tile.IsFirst)
        {
            a00 = a01 = a02 = TVector.Broadcast(outputs[0].Bias);
            a10 = a11 = a12 = TVector.Broadcast(outputs[1].Bias);
            a20 = a21 = a22 = TVector.Broadcast(outputs[2].Bias);
        }
        else
        {
            a00 = TVector.Load(outputs[0].Plane + p0);
            a01 = TVector.Load(outputs[0].Plane + p1);
            a02 = TVector.Load(outputs[0].Plane + p2);
            a10 = TVector.Load(outputs[1].Plane + p0);
            a11 = TVector.Load(outputs[1].Plane + p1);
            a12 = TVector.Load(outputs[1].Plane + p2);
            a20 = TVector.Load(outputs[2].Plane + p0);
            a21 = TVector.Load(outputs[2].Plane + p1);
            a22 = TVector.Load(outputs[2].Plane + p2);
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

        Write(tile, outputs[0], x0 - tile.Input, a00);
        Write(tile, outputs[0], x1 - tile.Input, a01);
        Write(tile, outputs[0], x2 - tile.Input, a02);
        Write(tile, outputs[1], x0 - tile.Input, a10);
        Write(tile, outputs[1], x1 - tile.Input, a11);
        Write(tile, outputs[1], x2 - tile.Input, a12);
        Write(tile, outputs[2], x0 - tile.Input, a20);
        Write(tile, outputs[2], x1 - tile.Input, a21);
        Write(tile, outputs[2], x2 - tile.Input, a22);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TVector.Load(x0 + x);
            TVector v1 = TVector.Load(x1 + x);
            TVector v2 = TVector.Load(x2 + x);
            TVector weight = TVector.Broadcast(w0[w]);
            a00 = TVector.MultiplyAdd(v0, weight, a00);
            a01 = TVector.MultiplyAdd(v1, weight, a01);
            a02 = TVector.MultiplyAdd(v2, weight, a02);
            weight = TVector.Broadcast(w1[w]);
            a10 = TVector.MultiplyAdd(v0, weight, a10);
            a11 = TVector.MultiplyAdd(v1, weight, a11);
            a12 = TVector.MultiplyAdd(v2, weight, a12);
            weight = TVector.Broadcast(w2[w]);
            a20 = TVector.MultiplyAdd(v0, weight, a20);
            a21 = TVector.MultiplyAdd(v1, weight, a21);
            a22 = TVector.MultiplyAdd(v2, weight, a22);
        }
    }

    /// <summary>Twelve sums, for what is left of a plane.</summary>
    public static void Run2X6<TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1)
        where TVector : struct, ISimd<TVector>
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a10, a11, a20, a21, a30, a31, a40, a41, a50, a51;
        if (tile.IsFirst)
        {
            a00 = a01 = TVector.Broadcast(outputs[0].Bias);
            a10 = a11 = TVector.Broadcast(outputs[1].Bias);
            a20 = a21 = TVector.Broadcast(outputs[2].Bias);
            a30 = a31 = TVector.Broadcast(outputs[3].Bias);
            a40 = a41 = TVector.Broadcast(outputs[4].Bias);
            a50 = a51 = TVector.Broadcast(outputs[5].Bias);
        }
        else
        {
            a00 = TVector.Load(outputs[0].Plane + p0);
            a01 = TVector.Load(outputs[0].Plane + p1);
            a10 = TVector.Load(outputs[1].Plane + p0);
            a11 = TVector.Load(outputs[1].Plane + p1);
            a20 = TVector.Load(outputs[2].Plane + p0);
            a21 = TVector.Load(outputs[2].Plane + p1);
            a30 = TVector.Load(outputs[3].Plane + p0);
            a31 = TVector.Load(outputs[3].Plane + p1);
            a40 = TVector.Load(outputs[4].Plane + p0);
            a41 = TVector.Load(outputs[4].Plane + p1);
            a50 = TVector.Load(outputs[5].Plane + p0);
            a51 = TVector.Load(outputs[5].Plane + p1);
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

        Write(tile, outputs[0], x0 - tile.Input, a00);
        Write(tile, outputs[0], x1 - tile.Input, a01);
        Write(tile, outputs[1], x0 - tile.Input, a10);
        Write(tile, outputs[1], x1 - tile.Input, a11);
        Write(tile, outputs[2], x0 - tile.Input, a20);
        Write(tile, outputs[2], x1 - tile.Input, a21);
        Write(tile, outputs[3], x0 - tile.Input, a30);
        Write(tile, outputs[3], x1 - tile.Input, a31);
        Write(tile, outputs[4], x0 - tile.Input, a40);
        Write(tile, outputs[4], x1 - tile.Input, a41);
        Write(tile, outputs[5], x0 - tile.Input, a50);
        Write(tile, outputs[5], x1 - tile.Input, a51);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TVector.Load(x0 + x);
            TVector v1 = TVector.Load(x1 + x);
            TVector weight = TVector.Broadcast(w0[w]);
            a00 = TVector.MultiplyAdd(v0, weight, a00);
            a01 = TVector.MultiplyAdd(v1, weight, a01);
            weight = TVector.Broadcast(w1[w]);
            a10 = TVector.MultiplyAdd(v0, weight, a10);
            a11 = TVector.MultiplyAdd(v1, weight, a11);
            weight = TVector.Broadcast(w2[w]);
            a20 = TVector.MultiplyAdd(v0, weight, a20);
            a21 = TVector.MultiplyAdd(v1, weight, a21);
            weight = TVector.Broadcast(w3[w]);
            a30 = TVector.MultiplyAdd(v0, weight, a30);
            a31 = TVector.MultiplyAdd(v1, weight, a31);
            weight = TVector.Broadcast(w4[w]);
            a40 = TVector.MultiplyAdd(v0, weight, a40);
            a41 = TVector.MultiplyAdd(v1, weight, a41);
            weight = TVector.Broadcast(w5[w]);
            a50 = TVector.MultiplyAdd(v0, weight, a50);
            a51 = TVector.MultiplyAdd(v1, weight, a51);
        }
    }

    /// <summary>Eight sums: with two multiply-adds a cycle of four cycles each, the fewest that keep them busy.</summary>
    public static void Run2X4<TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1)
        where TVector : struct, ISimd<TVector>
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a10, a11, a20, a21, a30, a31;
        if (tile.IsFirst)
        {
            a00 = a01 = TVector.Broadcast(outputs[0].Bias);
            a10 = a11 = TVector.Broadcast(outputs[1].Bias);
            a20 = a21 = TVector.Broadcast(outputs[2].Bias);
            a30 = a31 = TVector.Broadcast(outputs[3].Bias);
        }
        else
        {
            a00 = TVector.Load(outputs[0].Plane + p0);
            a01 = TVector.Load(outputs[0].Plane + p1);
            a10 = TVector.Load(outputs[1].Plane + p0);
            a11 = TVector.Load(outputs[1].Plane + p1);
            a20 = TVector.Load(outputs[2].Plane + p0);
            a21 = TVector.Load(outputs[2].Plane + p1);
            a30 = TVector.Load(outputs[3].Plane + p0);
            a31 = TVector.Load(outputs[3].Plane + p1);
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

        Write(tile, outputs[0], x0 - tile.Input, a00);
        Write(tile, outputs[0], x1 - tile.Input, a01);
        Write(tile, outputs[1], x0 - tile.Input, a10);
        Write(tile, outputs[1], x1 - tile.Input, a11);
        Write(tile, outputs[2], x0 - tile.Input, a20);
        Write(tile, outputs[2], x1 - tile.Input, a21);
        Write(tile, outputs[3], x0 - tile.Input, a30);
        Write(tile, outputs[3], x1 - tile.Input, a31);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TVector.Load(x0 + x);
            TVector v1 = TVector.Load(x1 + x);
            TVector weight = TVector.Broadcast(w0[w]);
            a00 = TVector.MultiplyAdd(v0, weight, a00);
            a01 = TVector.MultiplyAdd(v1, weight, a01);
            weight = TVector.Broadcast(w1[w]);
            a10 = TVector.MultiplyAdd(v0, weight, a10);
            a11 = TVector.MultiplyAdd(v1, weight, a11);
            weight = TVector.Broadcast(w2[w]);
            a20 = TVector.MultiplyAdd(v0, weight, a20);
            a21 = TVector.MultiplyAdd(v1, weight, a21);
            weight = TVector.Broadcast(w3[w]);
            a30 = TVector.MultiplyAdd(v0, weight, a30);
            a31 = TVector.MultiplyAdd(v1, weight, a31);
        }
    }

    /// <summary>Six sums.</summary>
    public static void Run2X3<TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, int p0, int p1)
        where TVector : struct, ISimd<TVector>
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a10, a11, a20, a21;
        if (tile.IsFirst)
        {
            a00 = a01 = TVector.Broadcast(outputs[0].Bias);
            a10 = a11 = TVector.Broadcast(outputs[1].Bias);
            a20 = a21 = TVector.Broadcast(outputs[2].Bias);
        }
        else
        {
            a00 = TVector.Load(outputs[0].Plane + p0);
            a01 = TVector.Load(outputs[0].Plane + p1);
            a10 = TVector.Load(outputs[1].Plane + p0);
            a11 = TVector.Load(outputs[1].Plane + p1);
            a20 = TVector.Load(outputs[2].Plane + p0);
            a21 = TVector.Load(outputs[2].Plane + p1);
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

        Write(tile, outputs[0], x0 - tile.Input, a00);
        Write(tile, outputs[0], x1 - tile.Input, a01);
        Write(tile, outputs[1], x0 - tile.Input, a10);
        Write(tile, outputs[1], x1 - tile.Input, a11);
        Write(tile, outputs[2], x0 - tile.Input, a20);
        Write(tile, outputs[2], x1 - tile.Input, a21);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TVector.Load(x0 + x);
            TVector v1 = TVector.Load(x1 + x);
            TVector weight = TVector.Broadcast(w0[w]);
            a00 = TVector.MultiplyAdd(v0, weight, a00);
            a01 = TVector.MultiplyAdd(v1, weight, a01);
            weight = TVector.Broadcast(w1[w]);
            a10 = TVector.MultiplyAdd(v0, weight, a10);
            a11 = TVector.MultiplyAdd(v1, weight, a11);
            weight = TVector.Broadcast(w2[w]);
            a20 = TVector.MultiplyAdd(v0, weight, a20);
            a21 = TVector.MultiplyAdd(v1, weight, a21);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<TVector>(in ConvolutionTile tile, in OutputChannel output, long pixel, TVector sum)
        where TVector : struct, ISimd<TVector>
    {
        if (tile.IsLast)
        {
            TVector residual = output.Residual is null ? default : TVector.Load(output.Residual + pixel);
            sum = TVector.Max(TVector.Broadcast(tile.Floor), TVector.MultiplyAdd(sum, TVector.Broadcast(output.Scale), residual));
        }

        TVector.Store(sum, output.Plane + pixel);
    }
}
