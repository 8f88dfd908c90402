using Google.Protobuf;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>Images that a camera stored on their side, with EXIF data that says so.</summary>
public sealed class OrientationTests(ServerFixture fixture)
{
    private const int HeaderEnd = 33;

    [Fact]
    public async Task Classify_ImageStoredOnItsSide_IsAnsweredAsTheUprightOne()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            byte[] stored = QuarterTurnToTheLeft(TestImages.Encode(SKEncodedImageFormat.Png, seed));
            ClassifyResponse upright = await fixture.One.ClassifyAsync(TestImages.Png(seed));

            ClassifyResponse asStored = await fixture.One.ClassifyAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(stored) });
            ClassifyResponse asSeen = await fixture.One.ClassifyAsync(new ClassifyRequest { EncodedImage = ByteString.CopyFrom(WithOrientation(stored, 6)) });

            Assert.Equal(upright.Predictions, asSeen.Predictions);
            Assert.NotEqual(upright.Predictions, asStored.Predictions);
        }
    }

    private static byte[] QuarterTurnToTheLeft(byte[] png)
    {
        using SKBitmap upright = SKBitmap.Decode(png);
        using var turned = new SKBitmap(upright.Info);
        for (int y = 0; y < upright.Height; y++)
        {
            for (int x = 0; x < upright.Width; x++)
            {
                turned.SetPixel(y, upright.Width - 1 - x, upright.GetPixel(x, y));
            }
        }

        using SKData data = turned.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private static byte[] WithOrientation(byte[] png, byte orientation)
    {
        byte[] exif = [.. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
        using var chunk = new MemoryStream();
        TestImages.WriteChunk(chunk, "eXIf"u8, exif);
        return [.. png[..HeaderEnd], .. chunk.ToArray(), .. png[HeaderEnd..]];
    }
}
