namespace LCNet.Training.Data;

/// <summary>Reads CIFAR-10's binary format: records of one label byte and 3 × 32 × 32 pixel bytes, colour plane after colour plane.</summary>
public static class CifarBinary
{
    private const int Side = 32;
    private const int RecordBytes = 1 + (3 * Side * Side);

    private static readonly string[] DefaultClasses =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>Whether a folder holds the training batches of the format.</summary>
    public static bool IsPresent(string folder) => Directory.Exists(folder) && Directory.GetFiles(folder, "data_batch_*.bin").Length > 0;

    /// <summary>How many images the training batches hold, from the lengths of the files.</summary>
    public static int Count(string folder) => (int)(Directory.GetFiles(folder, "data_batch_*.bin").Sum(file => new FileInfo(file).Length) / RecordBytes);

    /// <summary>Reads <c>data_batch_*.bin</c>, and the class names from <c>batches.meta.txt</c> where it exists.</summary>
    /// <exception cref="InvalidDataException">A file is not a whole number of records or has a label out of range; the message names it.</exception>
    public static ImageSet Read(string folder)
    {
        string meta = Path.Combine(folder, "batches.meta.txt");
        string[] classes = File.Exists(meta) ? [.. File.ReadAllLines(meta).Where(line => line.Length > 0)] : DefaultClasses;
        var labels = new List<int>();
        using var pixels = new MemoryStream();
        foreach (string file in Directory.GetFiles(folder, "data_batch_*.bin").Order(StringComparer.Ordinal))
        {
            byte[] bytes = File.ReadAllBytes(file);
            if (bytes.Length == 0 || bytes.Length % RecordBytes != 0)
            {
                throw new InvalidDataException($"{file}: {bytes.Length} bytes is not a whole number of records of {RecordBytes} bytes.");
            }

            byte[] image = new byte[RecordBytes - 1];
            for (int record = 0; record < bytes.Length; record += RecordBytes)
            {
                if (bytes[record] >= classes.Length)
                {
                    throw new InvalidDataException($"{file}: record {record / RecordBytes} has label {bytes[record]}; there are {classes.Length} classes.");
                }

                labels.Add(bytes[record]);
                ReadOnlySpan<byte> planes = bytes.AsSpan(record + 1, RecordBytes - 1);
                for (int i = 0; i < Side * Side; i++)
                {
                    for (int plane = 0; plane < 3; plane++)
                    {
                        image[(i * 3) + plane] = planes[(plane * Side * Side) + i];
                    }
                }

                pixels.Write(image);
            }
        }

        return new ImageSet(pixels.ToArray(), [.. labels], Side, classes);
    }
}
