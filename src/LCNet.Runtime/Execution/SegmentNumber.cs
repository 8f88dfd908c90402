namespace LCNet.Runtime.Execution;

/// <summary>Segments of a bundle as numbers, which are keys that nothing is allocated for.</summary>
internal static class SegmentNumber
{
    /// <summary>The stem.</summary>
    public const int Stem = 0;

    /// <summary>The head.</summary>
    public const int Head = 1;

    /// <summary>The gate of a span.</summary>
    public static int Gate(int span) => 2 + (span * 3);

    /// <summary>A block.</summary>
    public static int Block(int block) => 3 + (block * 3);

    /// <summary>A block's shortcut.</summary>
    public static int Shortcut(int block) => 4 + (block * 3);

    /// <summary>The span or block that a number of those three stands for.</summary>
    public static int Index(int segment) => (segment - 2) / 3;
}
