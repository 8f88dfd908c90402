namespace LCNet.Bundles.Tests;

public class BundleExceptionTests
{
    [Fact]
    public void Message_ProblemsOfManyLines_IsOneLineWithAllOfThem()
    {
        var exception = new BundleException("/models/a\nb", ["stem.onnx: one\r\ntwo", "head.onnx: three\u2028four"]);

        Assert.Equal("Bundle /models/a b is refused: stem.onnx: one two; head.onnx: three four", exception.Message);
        Assert.Equal(["stem.onnx: one two", "head.onnx: three four"], exception.Problems);
        Assert.Equal("/models/a\nb", exception.Folder);
    }

    [Fact]
    public void Constructor_NoList_Throws() => Assert.Throws<ArgumentNullException>(() => new BundleException("folder", null!));
}
