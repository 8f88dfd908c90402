using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace LCNet.Runtime.Execution.Simd.Convolutions;

/// <summary>
/// The inner loops of convolutions, one for each number of pixel vectors × output channels whose sums are held in registers. Each term is loaded once and used for
/// all of them. They differ in nothing else; the compiler keeps only separate variables in registers, hence no loop over them. What is not needed in a loop is
/// computed anew behind it, or it would take a register.
/// </summary>
internal static unsafe class ConvolutionKernels
{
    /// <summary>The most vectors of pixels that a kernel takes at once: four of the longest, of which there are twice as many registers. So many, of each term, packed pixels lie apart.</summary>
    /// <param name="lanes">Floats in a vector.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MostVectors(int lanes) => lanes >= 16 ? 4 : 3;

    /// <summary>The most output channels that a kernel takes at once. Weights of as many more are fetched ahead.</summary>
    public const int MostChannels = 6;

    /// <summary>Twenty-four sums, where there are thirty-two registers: of all vectors of a tile of four, so that weights are read once.</summary>
    public static void Run4X6<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a02, a03, a10, a11, a12, a13, a20, a21, a22, a23, a30, a31, a32, a33, a40, a41, a42, a43, a50, a51, a52, a53;
        if (tile.IsFirst)
        {
            a00 = a01 = a02 = a03 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = a12 = a13 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = a22 = a23 = TSimd.Broadcast(outputs[2].Bias);
            a30 = a31 = a32 = a33 = TSimd.Broadcast(outputs[3].Bias);
            a40 = a41 = a42 = a43 = TSimd.Broadcast(outputs[4].Bias);
            a50 = a51 = a52 = a53 = TSimd.Broadcast(outputs[5].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a02 = TSimd.Load(outputs[0].Plane + at.Third);
            a03 = TSimd.Load(outputs[0].Plane + at.Fourth);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a12 = TSimd.Load(outputs[1].Plane + at.Third);
            a13 = TSimd.Load(outputs[1].Plane + at.Fourth);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
            a22 = TSimd.Load(outputs[2].Plane + at.Third);
            a23 = TSimd.Load(outputs[2].Plane + at.Fourth);
            a30 = TSimd.Load(outputs[3].Plane + at.First);
            a31 = TSimd.Load(outputs[3].Plane + at.Second);
            a32 = TSimd.Load(outputs[3].Plane + at.Third);
            a33 = TSimd.Load(outputs[3].Plane + at.Fourth);
            a40 = TSimd.Load(outputs[4].Plane + at.First);
            a41 = TSimd.Load(outputs[4].Plane + at.Second);
            a42 = TSimd.Load(outputs[4].Plane + at.Third);
            a43 = TSimd.Load(outputs[4].Plane + at.Fourth);
            a50 = TSimd.Load(outputs[5].Plane + at.First);
            a51 = TSimd.Load(outputs[5].Plane + at.Second);
            a52 = TSimd.Load(outputs[5].Plane + at.Third);
            a53 = TSimd.Load(outputs[5].Plane + at.Fourth);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* x2 = tile.Input + (TTaps.IsPacked ? 2 * TSimd.Lanes : at.Third);
        float* x3 = tile.Input + (TTaps.IsPacked ? 3 * TSimd.Lanes : at.Fourth);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        float* w4 = outputs[4].Weights;
        float* w5 = outputs[5].Weights;
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteFour<TSimd, TVector>(tile, outputs + 0, at, a00, a01, a02, a03);
        WriteFour<TSimd, TVector>(tile, outputs + 1, at, a10, a11, a12, a13);
        WriteFour<TSimd, TVector>(tile, outputs + 2, at, a20, a21, a22, a23);
        WriteFour<TSimd, TVector>(tile, outputs + 3, at, a30, a31, a32, a33);
        WriteFour<TSimd, TVector>(tile, outputs + 4, at, a40, a41, a42, a43);
        WriteFour<TSimd, TVector>(tile, outputs + 5, at, a50, a51, a52, a53);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Step(nuint x, nuint w)
        {
            TVector v0 = TSimd.Load(x0 + x);
            TVector v1 = TSimd.Load(x1 + x);
            TVector v2 = TSimd.Load(x2 + x);
            TVector v3 = TSimd.Load(x3 + x);
            TVector weight = TSimd.Broadcast(w0[w]);
            a00 = TSimd.MultiplyAdd(v0, weight, a00);
            a01 = TSimd.MultiplyAdd(v1, weight, a01);
            a02 = TSimd.MultiplyAdd(v2, weight, a02);
            a03 = TSimd.MultiplyAdd(v3, weight, a03);
            weight = TSimd.Broadcast(w1[w]);
            a10 = TSimd.MultiplyAdd(v0, weight, a10);
            a11 = TSimd.MultiplyAdd(v1, weight, a11);
            a12 = TSimd.MultiplyAdd(v2, weight, a12);
            a13 = TSimd.MultiplyAdd(v3, weight, a13);
            weight = TSimd.Broadcast(w2[w]);
            a20 = TSimd.MultiplyAdd(v0, weight, a20);
            a21 = TSimd.MultiplyAdd(v1, weight, a21);
            a22 = TSimd.MultiplyAdd(v2, weight, a22);
            a23 = TSimd.MultiplyAdd(v3, weight, a23);
            weight = TSimd.Broadcast(w3[w]);
            a30 = TSimd.MultiplyAdd(v0, weight, a30);
            a31 = TSimd.MultiplyAdd(v1, weight, a31);
            a32 = TSimd.MultiplyAdd(v2, weight, a32);
            a33 = TSimd.MultiplyAdd(v3, weight, a33);
            weight = TSimd.Broadcast(w4[w]);
            a40 = TSimd.MultiplyAdd(v0, weight, a40);
            a41 = TSimd.MultiplyAdd(v1, weight, a41);
            a42 = TSimd.MultiplyAdd(v2, weight, a42);
            a43 = TSimd.MultiplyAdd(v3, weight, a43);
            weight = TSimd.Broadcast(w5[w]);
            a50 = TSimd.MultiplyAdd(v0, weight, a50);
            a51 = TSimd.MultiplyAdd(v1, weight, a51);
            a52 = TSimd.MultiplyAdd(v2, weight, a52);
            a53 = TSimd.MultiplyAdd(v3, weight, a53);
        }
    }

    /// <summary>Twenty-four sums, where there are thirty-two registers: half as many loads of pixels.</summary>
    public static void Run3X8<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TTaps : struct, ITaps
    {
        TVector a00, a01, a02, a10, a11, a12, a20, a21, a22, a30, a31, a32, a40, a41, a42, a50, a51, a52, a60, a61, a62, a70, a71, a72;
        if (tile.IsFirst)
        {
            a00 = a01 = a02 = TSimd.Broadcast(outputs[0].Bias);
            a10 = a11 = a12 = TSimd.Broadcast(outputs[1].Bias);
            a20 = a21 = a22 = TSimd.Broadcast(outputs[2].Bias);
            a30 = a31 = a32 = TSimd.Broadcast(outputs[3].Bias);
            a40 = a41 = a42 = TSimd.Broadcast(outputs[4].Bias);
            a50 = a51 = a52 = TSimd.Broadcast(outputs[5].Bias);
            a60 = a61 = a62 = TSimd.Broadcast(outputs[6].Bias);
            a70 = a71 = a72 = TSimd.Broadcast(outputs[7].Bias);
        }
        else
        {
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a02 = TSimd.Load(outputs[0].Plane + at.Third);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a12 = TSimd.Load(outputs[1].Plane + at.Third);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
            a22 = TSimd.Load(outputs[2].Plane + at.Third);
            a30 = TSimd.Load(outputs[3].Plane + at.First);
            a31 = TSimd.Load(outputs[3].Plane + at.Second);
            a32 = TSimd.Load(outputs[3].Plane + at.Third);
            a40 = TSimd.Load(outputs[4].Plane + at.First);
            a41 = TSimd.Load(outputs[4].Plane + at.Second);
            a42 = TSimd.Load(outputs[4].Plane + at.Third);
            a50 = TSimd.Load(outputs[5].Plane + at.First);
            a51 = TSimd.Load(outputs[5].Plane + at.Second);
            a52 = TSimd.Load(outputs[5].Plane + at.Third);
            a60 = TSimd.Load(outputs[6].Plane + at.First);
            a61 = TSimd.Load(outputs[6].Plane + at.Second);
            a62 = TSimd.Load(outputs[6].Plane + at.Third);
            a70 = TSimd.Load(outputs[7].Plane + at.First);
            a71 = TSimd.Load(outputs[7].Plane + at.Second);
            a72 = TSimd.Load(outputs[7].Plane + at.Third);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* x2 = tile.Input + (TTaps.IsPacked ? 2 * TSimd.Lanes : at.Third);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        float* w4 = outputs[4].Weights;
        float* w5 = outputs[5].Weights;
        float* w6 = outputs[6].Weights;
        float* w7 = outputs[7].Weights;
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteThree<TSimd, TVector>(tile, outputs + 0, at, a00, a01, a02);
        WriteThree<TSimd, TVector>(tile, outputs + 1, at, a10, a11, a12);
        WriteThree<TSimd, TVector>(tile, outputs + 2, at, a20, a21, a22);
        WriteThree<TSimd, TVector>(tile, outputs + 3, at, a30, a31, a32);
        WriteThree<TSimd, TVector>(tile, outputs + 4, at, a40, a41, a42);
        WriteThree<TSimd, TVector>(tile, outputs + 5, at, a50, a51, a52);
        WriteThree<TSimd, TVector>(tile, outputs + 6, at, a60, a61, a62);
        WriteThree<TSimd, TVector>(tile, outputs + 7, at, a70, a71, a72);

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
            weight = TSimd.Broadcast(w4[w]);
            a40 = TSimd.MultiplyAdd(v0, weight, a40);
            a41 = TSimd.MultiplyAdd(v1, weight, a41);
            a42 = TSimd.MultiplyAdd(v2, weight, a42);
            weight = TSimd.Broadcast(w5[w]);
            a50 = TSimd.MultiplyAdd(v0, weight, a50);
            a51 = TSimd.MultiplyAdd(v1, weight, a51);
            a52 = TSimd.MultiplyAdd(v2, weight, a52);
            weight = TSimd.Broadcast(w6[w]);
            a60 = TSimd.MultiplyAdd(v0, weight, a60);
            a61 = TSimd.MultiplyAdd(v1, weight, a61);
            a62 = TSimd.MultiplyAdd(v2, weight, a62);
            weight = TSimd.Broadcast(w7[w]);
            a70 = TSimd.MultiplyAdd(v0, weight, a70);
            a71 = TSimd.MultiplyAdd(v1, weight, a71);
            a72 = TSimd.MultiplyAdd(v2, weight, a72);
        }
    }

    /// <summary>Twelve sums: the most that sixteen registers hold beside three vectors and a weight.</summary>
    public static void Run3X4<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
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
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a02 = TSimd.Load(outputs[0].Plane + at.Third);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a12 = TSimd.Load(outputs[1].Plane + at.Third);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
            a22 = TSimd.Load(outputs[2].Plane + at.Third);
            a30 = TSimd.Load(outputs[3].Plane + at.First);
            a31 = TSimd.Load(outputs[3].Plane + at.Second);
            a32 = TSimd.Load(outputs[3].Plane + at.Third);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* x2 = tile.Input + (TTaps.IsPacked ? 2 * TSimd.Lanes : at.Third);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        Term* term = tile.Terms;
        if (TTaps.IsPacked)
        {
            // Two at a time: fewer instructions, which is what counts when the core's other thread takes its share of them.
            for (Term* even = term + (tile.Count & ~1); term != even; term += 2)
            {
                Step(packed, term[0].Weight);
                Step(packed + PackedTile<TSimd, TVector>(), term[1].Weight);
                packed += 2 * PackedTile<TSimd, TVector>();
            }
        }

        for (; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteThree<TSimd, TVector>(tile, outputs + 0, at, a00, a01, a02);
        WriteThree<TSimd, TVector>(tile, outputs + 1, at, a10, a11, a12);
        WriteThree<TSimd, TVector>(tile, outputs + 2, at, a20, a21, a22);
        WriteThree<TSimd, TVector>(tile, outputs + 3, at, a30, a31, a32);

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
    public static void Run3X3<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
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
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a02 = TSimd.Load(outputs[0].Plane + at.Third);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a12 = TSimd.Load(outputs[1].Plane + at.Third);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
            a22 = TSimd.Load(outputs[2].Plane + at.Third);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* x2 = tile.Input + (TTaps.IsPacked ? 2 * TSimd.Lanes : at.Third);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        Term* term = tile.Terms;
        if (TTaps.IsPacked)
        {
            // Two at a time: fewer instructions, which is what counts when the core's other thread takes its share of them.
            for (Term* even = term + (tile.Count & ~1); term != even; term += 2)
            {
                Step(packed, term[0].Weight);
                Step(packed + PackedTile<TSimd, TVector>(), term[1].Weight);
                packed += 2 * PackedTile<TSimd, TVector>();
            }
        }

        for (; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteThree<TSimd, TVector>(tile, outputs + 0, at, a00, a01, a02);
        WriteThree<TSimd, TVector>(tile, outputs + 1, at, a10, a11, a12);
        WriteThree<TSimd, TVector>(tile, outputs + 2, at, a20, a21, a22);

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
    public static void Run2X6<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
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
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
            a30 = TSimd.Load(outputs[3].Plane + at.First);
            a31 = TSimd.Load(outputs[3].Plane + at.Second);
            a40 = TSimd.Load(outputs[4].Plane + at.First);
            a41 = TSimd.Load(outputs[4].Plane + at.Second);
            a50 = TSimd.Load(outputs[5].Plane + at.First);
            a51 = TSimd.Load(outputs[5].Plane + at.Second);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        float* w4 = outputs[4].Weights;
        float* w5 = outputs[5].Weights;
        byte* next = (byte*)(outputs[6].Weights + tile.Terms->Weight);
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Prefetch(next);
                Prefetch(next + 36);
                next += 72;
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteTwo<TSimd, TVector>(tile, outputs + 0, at, a00, a01);
        WriteTwo<TSimd, TVector>(tile, outputs + 1, at, a10, a11);
        WriteTwo<TSimd, TVector>(tile, outputs + 2, at, a20, a21);
        WriteTwo<TSimd, TVector>(tile, outputs + 3, at, a30, a31);
        WriteTwo<TSimd, TVector>(tile, outputs + 4, at, a40, a41);
        WriteTwo<TSimd, TVector>(tile, outputs + 5, at, a50, a51);

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
    public static void Run2X4<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
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
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
            a30 = TSimd.Load(outputs[3].Plane + at.First);
            a31 = TSimd.Load(outputs[3].Plane + at.Second);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        float* w3 = outputs[3].Weights;
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteTwo<TSimd, TVector>(tile, outputs + 0, at, a00, a01);
        WriteTwo<TSimd, TVector>(tile, outputs + 1, at, a10, a11);
        WriteTwo<TSimd, TVector>(tile, outputs + 2, at, a20, a21);
        WriteTwo<TSimd, TVector>(tile, outputs + 3, at, a30, a31);

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
    public static void Run2X3<TSimd, TVector, TTaps>(in ConvolutionTile tile, OutputChannel* outputs, in PixelTile at)
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
            a00 = TSimd.Load(outputs[0].Plane + at.First);
            a01 = TSimd.Load(outputs[0].Plane + at.Second);
            a10 = TSimd.Load(outputs[1].Plane + at.First);
            a11 = TSimd.Load(outputs[1].Plane + at.Second);
            a20 = TSimd.Load(outputs[2].Plane + at.First);
            a21 = TSimd.Load(outputs[2].Plane + at.Second);
        }

        float* x0 = tile.Input + (TTaps.IsPacked ? 0 : at.First);
        float* x1 = tile.Input + (TTaps.IsPacked ? TSimd.Lanes : at.Second);
        float* w0 = outputs[0].Weights;
        float* w1 = outputs[1].Weights;
        float* w2 = outputs[2].Weights;
        Term* end = tile.Terms + tile.Count;
        nuint packed = 0;
        for (Term* term = tile.Terms; term != end; term++)
        {
            nuint x = TTaps.IsPacked ? packed : term->Input;
            nuint w = term->Weight;
            Step(x, w);
            if (!TTaps.IsPacked)
            {
                Step(x + 1, w + 1);
                Step(x + 2, w + 2);
            }

            packed += PackedTile<TSimd, TVector>();
        }

        WriteTwo<TSimd, TVector>(tile, outputs + 0, at, a00, a01);
        WriteTwo<TSimd, TVector>(tile, outputs + 1, at, a10, a11);
        WriteTwo<TSimd, TVector>(tile, outputs + 2, at, a20, a21);

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

    /// <summary>Asks for an address to be in the first-level cache soon, where the processor can be asked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint PackedTile<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : struct => (nuint)(MostVectors(TSimd.Lanes) * TSimd.Lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteFour<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, in PixelTile at, TVector a0, TVector a1, TVector a2, TVector a3)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a3 = Finish<TSimd, TVector>(tile, output, at.Fourth, a3);
        }

        WriteThree<TSimd, TVector>(tile, output, at, a0, a1, a2);
        TSimd.Store(a3, output->Plane + at.Fourth);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteThree<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, in PixelTile at, TVector a0, TVector a1, TVector a2)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a2 = Finish<TSimd, TVector>(tile, output, at.Third, a2);
        }

        WriteTwo<TSimd, TVector>(tile, output, at, a0, a1);
        TSimd.Store(a2, output->Plane + at.Third);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteTwo<TSimd, TVector>(in ConvolutionTile tile, OutputChannel* output, in PixelTile at, TVector a0, TVector a1)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (tile.IsLast)
        {
            a0 = Finish<TSimd, TVector>(tile, output, at.First, a0);
            a1 = Finish<TSimd, TVector>(tile, output, at.Second, a1);
        }

        TSimd.Store(a0, output->Plane + at.First);
        TSimd.Store(a1, output->Plane + at.Second);
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
