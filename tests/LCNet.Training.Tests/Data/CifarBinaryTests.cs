using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Data;

public class CifarBinaryTests
{
    private const int PlaneBytes = 32 * 32;

    [Fact]
    public void Read_TwoBatches_TurnsPlanesIntoPixels()
    {
        using var folder = new TemporaryFolder();
        byte[][] records = [Record(3, 1), Record(0, 2), Record(9, 3)];
        File.WriteAllBytes(folder.At("data_batch_2.bin"), records[2]);
        File.WriteAllBytes(folder.At("data_batch_1.bin"), [.. records[0], .. records[1]]);
        File.WriteAllBytes(folder.At("test_batch.bin"), Record(1, 4));

        ImageSet images = CifarBinary.Read(folder.Path);

        Assert.Equal(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"], images.Classes);
        Assert.Equal(32, images.Size);
        Assert.Equal(3, images.Count);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(records[i][0], images.Label(i));
            for (int y = 0; y < 32; y++)
            {
                for (int x = 0; x < 32; x++)
                {
                    for (int c = 0; c < 3; c++)
                    {
                        Assert.Equal(records[i][1 + (c * PlaneBytes) + (y * 32) + x], images.Pixels(i)[(((y * 32) + x) * 3) + c]);
                    }
                }
            }
        }
    }

    [Fact]
    public void Read_ClassNamesInTheFolder_AreUsed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.At("batches.meta.txt"), "cat\ndog\n\n");
        File.WriteAllBytes(folder.At("data_batch_1.bin"), [.. Record(1, 1), .. Record(0, 2)]);
        Assert.Equal(["cat", "dog"], CifarBinary.Read(folder.Path).Classes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3072)]
    [InlineData(3074)]
    public void Read_NotAWholeNumberOfRecords_IsRefusedNamingTheFile(int bytes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.At("data_batch_1.bin"), Record(1, 1));
        File.WriteAllBytes(folder.At("data_batch_2.bin"), new byte[bytes]);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => CifarBinary.Read(folder.Path));
        Assert.StartsWith(folder.At("data_batch_2.bin") + ":", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LabelOutOfRange_IsRefusedNamingFileAndRecord()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.At("data_batch_1.bin"), [.. Record(9, 1), .. Record(10, 2)]);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => CifarBinary.Read(folder.Path));
        Assert.StartsWith(folder.At("data_batch_1.bin") + ": record 1 has label 10", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void IsPresent_FolderWithAndWithoutBatches_SaysSo()
    {
        using var folder = new TemporaryFolder();
        Assert.False(CifarBinary.IsPresent(folder.At("missing")));
        Assert.False(CifarBinary.IsPresent(folder.Path));
        File.WriteAllBytes(folder.At("data_batch_1.bin"), Record(1, 1));
        Assert.True(CifarBinary.IsPresent(folder.Path));
    }

    private static byte[] Record(byte label, int seed)
    {
        byte[] record = new byte[1 + (3 * PlaneBytes)];
        new Random(seed).NextBytes(record);
        record[0] = label;
        return record;
    }
}
