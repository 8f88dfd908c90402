namespace LCNet.Runtime;

/// <summary>Which pixels of a flat plane have a neighbour, for each direction in which a 3×3 convolution looks. Immutable and thread-safe.</summary>
internal sealed unsafe class FlatEdges
{
    private readonly AlignedFloats _masks;
    private readonly int _pixels;

    /// <summary>Finds them.</summary>
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
