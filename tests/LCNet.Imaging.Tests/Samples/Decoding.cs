namespace LCNet.Imaging.Tests;

internal static class Decoding
{
    public static byte[] Decode(byte[] file, int width, int height, ImageLimits? limits = null)
    {
        byte[] rgb = new byte[width * height * 3];
        ImageDecoder.Decode(file, width, height, limits ?? ImageLimits.Default, rgb);
        return rgb;
    }

    /// <summary>Decodes what should be refused, and gives the message.</summary>
    public static string Refused(byte[] file, ImageLimits? limits = null)
    {
        ImageFormatException exception = Assert.Throws<ImageFormatException>(() => Decode(file, 8, 8, limits));
        AssertMessage(exception);
        return exception.Message;
    }

    /// <summary>Whether a file is accepted; it may be refused with nothing but an <see cref="ImageFormatException"/>.</summary>
    public static bool Accepts(byte[] file, ImageLimits? limits = null)
    {
        try
        {
            Decode(file, 8, 8, limits);
            return true;
        }
        catch (ImageFormatException exception)
        {
            AssertMessage(exception);
            return false;
        }
    }

    public static void AssertClose(byte[] expected, byte[] actual, int tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            // Not Assert.True: it would make the message of every value.
            if (Math.Abs(expected[i] - actual[i]) > tolerance)
            {
                Assert.Fail($"Value {i} is {actual[i]}, not {expected[i]} ± {tolerance}.");
            }
        }
    }

    private static void AssertMessage(ImageFormatException exception)
    {
        Assert.StartsWith("the image ", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }
}
