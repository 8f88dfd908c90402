using LCNet.Training.Data;
using LCNet.Training.Tests.Synthetic;

namespace LCNet.Training.Tests.Data;

public class ImageSetTests
{
    [Fact]
    public void New_PixelsOfAnotherLength_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new ImageSet(new byte[(2 * 4 * 4 * 3) - 1], [0, 1], 4, ["a", "b"]));

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    public void New_LabelOutOfRange_IsRefusedNamingTheImage(int label)
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new ImageSet(new byte[2 * 4 * 4 * 3], [0, label], 4, ["a", "b"]));
        Assert.Contains($"Image 1 has label {label}", exception.Message, StringComparison.Ordinal);
    }
}
