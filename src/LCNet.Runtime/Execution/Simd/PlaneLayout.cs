using LCNet.Runtime.Execution.Simd.Convolutions;

namespace LCNet.Runtime.Execution.Simd;

/// <summary>
/// How the planes of an activation lie in memory: rows one behind the other with a few zeros between them, and zero rows above and below, so that a
/// convolution reads its padding like any other pixel. A halo is shared by neighbouring rows and planes. Immutable.
/// </summary>
/// <remarks>
/// Convolutions take pixels by the vector. Where rows are a whole number of vectors long, each vector lies in one row. Elsewhere vectors run on over the
/// halos between rows; what is computed there is cleared afterwards, see <see cref="ClearHalo"/>.
/// </remarks>
internal sealed class PlaneLayout
{
    /// <summary>Floats of a page of memory.</summary>
    public const int Page = 1024;

    // Up to so many the weights are most of what a convolution reads, and it is as well to take as many vectors for each as there is room for.
    private const int FewVectors = 16;

    // Of more, less of the pixels' memory at a time and more output channels was faster.
    private const int VectorsOfLargePlanes = 3;
    private readonly bool _isRagged;
    private readonly int _lanes;

    /// <summary>Lays planes out.</summary>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="halo">Zeros around; how far a convolution may reach beyond the edge.</param>
    /// <param name="lanes">Floats in a vector.</param>
    /// <param name="rowHalo">Zero rows above and below, where they are not as many as <paramref name="halo"/>.</param>
    public PlaneLayout(int height, int width, int halo, int lanes, int? rowHalo = null)
    {
        Height = height;
        Width = width;
        RowStride = width + halo;
        IsFlat = halo == 0;

        // A convolution reads as far in front of a flat plane, where there is another one or nothing, and has to put zeros for it.
        Lead = IsFlat ? (width + lanes) / lanes * lanes : ((rowHalo ?? halo) * RowStride) + halo;
        _lanes = lanes;
        _isRagged = width % lanes != 0;
        int[] vectors = Vectors(height, width, lanes);
        int most = ConvolutionKernels.MostVectors(lanes);
        Tiles = Tile(vectors, vectors.Length <= FewVectors ? most : Math.Min(most, VectorsOfLargePlanes));
        int pixels = _isRagged ? VectorsAcross * lanes : height * RowStride;
        PixelSpan = Math.Max(pixels, height * RowStride);
        PlaneStride = IsFlat ? PixelSpan : Lead + PixelSpan;
        Edges = IsFlat ? new FlatEdges(height, width) : null;

        // Planes a whole number of pages apart would compete for the same few places in the first-level cache.
        PlaneStride += PlaneStride > Page / 2 && PlaneStride % Page is < 32 or > Page - 32 ? 48 : 0;
    }

    /// <summary>
    /// Whether a plane without halos is whole vectors, each of whole rows that are shorter than it. With halos it would be a half more:
    /// 4×4 pixels take two vectors of eight, with halos three.
    /// </summary>
    public static bool IsBetterFlat(int height, int width, int lanes) => width < lanes && lanes % width == 0 && height * width % lanes == 0;

    /// <summary>Whether there are no halos: what a convolution reads beyond the edge, its <see cref="Edges"/> make zero.</summary>
    public bool IsFlat { get; }

    /// <summary>What lies within a flat plane; null for others.</summary>
    public FlatEdges? Edges { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Floats from one row to the next.</summary>
    public int RowStride { get; }

    /// <summary>Floats from a plane's beginning to its first pixel. That of a flat plane is the end of the one before.</summary>
    public int Lead { get; }

    /// <summary>Floats from a plane's first pixel to behind the last that a vector writes.</summary>
    public int PixelSpan { get; }

    /// <summary>Floats from one plane to the next.</summary>
    public int PlaneStride { get; }

    /// <summary>The plane as tiles of two to four vectors, of which there are never more than kernels take at once.</summary>
    public PixelTile[] Tiles { get; }

    private int VectorsAcross => ((Height * RowStride) + _lanes - 1) / _lanes;

    /// <summary>Floats that planes take, with what a vector may read or write beyond the last.</summary>
    public int Length(int planes) => (planes * PlaneStride) + Lead + (2 * _lanes);

    /// <summary>Sets to zero what a convolution wrote between and behind the rows of a plane.</summary>
    /// <param name="plane">From the first pixel on.</param>
    public unsafe void ClearHalo(float* plane)
    {
        if (!_isRagged || IsFlat)
        {
            return;
        }

        int between = RowStride - Width;
        for (int row = 0; row < Height; row++)
        {
            new Span<float>(plane + (row * RowStride) + Width, between).Clear();
        }

        int end = Height * RowStride;
        new Span<float>(plane + end, (VectorsAcross * _lanes) - end).Clear();
    }

    private int[] Vectors(int height, int width, int lanes)
    {
        if (_isRagged)
        {
            return [.. Enumerable.Range(0, VectorsAcross).Select(vector => vector * lanes)];
        }

        return [.. Enumerable.Range(0, height).SelectMany(row => Enumerable.Range(0, width / lanes).Select(vector => (row * RowStride) + (vector * lanes)))];
    }

    private static PixelTile[] Tile(int[] vectors, int most)
    {
        if (vectors.Length == 1)
        {
            return [new PixelTile(vectors[0], vectors[0], -1, -1)];
        }

        var tiles = new List<PixelTile>();
        for (int i = 0; i < vectors.Length;)
        {
            // One alone is never left.
            int left = vectors.Length - i;
            int count = left <= most ? left : left == most + 1 ? most - 1 : most;
            tiles.Add(new PixelTile(vectors[i], vectors[i + 1], count > 2 ? vectors[i + 2] : -1, count > 3 ? vectors[i + 3] : -1));
            i += count;
        }

        return [.. tiles];
    }
}

/// <summary>Two to four vectors of pixels, as distances from a plane's first pixel in floats.</summary>
/// <param name="First">The first vector.</param>
/// <param name="Second">The second; the first again where the plane has only one.</param>
/// <param name="Third">The third, or −1.</param>
/// <param name="Fourth">The fourth, or −1.</param>
internal readonly record struct PixelTile(int First, int Second, int Third, int Fourth);

/// <summary>Which pixels of a flat plane have a neighbour, for each direction in which a 3×3 convolution looks. Immutable and thread-safe.</summary>
internal sealed unsafe class FlatEdges
{
    private readonly AlignedFloats _masks;
    private readonly int _pixels;

    /// <summary>Finds the tiles of a plane.</summary>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="width">Pixels in a row, at least 1.</param>
    public FlatEdges(int height, int width)
    {
        float all = BitConverter.UInt32BitsToSingle(uint.MaxValue);
        _pixels = height * width;
        _masks = new AlignedFloats(9 * _pixels);
        for (int direction = 0; direction < 9; direction++)
        {
            int dy = (direction / 3) - 1;
            int dx = (direction % 3) - 1;
            for (int pixel = 0; pixel < _pixels; pixel++)
            {
                int y = (pixel / width) + dy;
                int x = (pixel % width) + dx;
                _masks.Start[(direction * _pixels) + pixel] = y >= 0 && y < height && x >= 0 && x < width ? all : 0;
            }
        }
    }

    /// <summary>For each pixel all bits where the one beside it lies within the plane, otherwise none. Valid while this object is in use.</summary>
    /// <param name="dy">Rows below the pixel, −1 to 1.</param>
    /// <param name="dx">Columns right of it, −1 to 1.</param>
    public float* Mask(int dy, int dx) => _masks.Start + (((3 * (dy + 1)) + dx + 1) * _pixels);
}
