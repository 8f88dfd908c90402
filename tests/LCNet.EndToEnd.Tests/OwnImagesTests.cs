using LCNet.Bundles;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.EndToEnd.Tests;

/// <summary>Somebody's own images, of any sizes: trained on, exported, served.</summary>
public sealed class OwnImagesTests : IDisposable
{
    private const int ImagesOfAClass = 16;
    private static readonly (string Label, SKColor Colour)[] Classes = [("green-apple", SKColors.Green), ("red_apple", SKColors.Red), ("Sky", SKColors.SkyBlue)];

    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-own-").FullName;

    [Theory]
    [InlineData("basic", "2x4,2x8,2x16,2x32", 8)]
    [InlineData("basic", "3x4,4x8,6x16,3x32", 16)]
    [InlineData("bottleneck", "3x4,4x8,6x16,3x32", 16)]
    public async Task Train_ImageNetResNetOnImagesOfAnySize_IsServedUnderItsClassNames(string block, string stages, int blocks)
    {
        string data = Path.Combine(_folder, "data");
        string models = Path.Combine(_folder, "models");
        WriteImages(data);
        (int exitCode, string output, string error) = await Repository.LcnetAsync(
            "train", data, "--name", "own", "--output", models, "--run", Path.Combine(_folder, "run"), "--stem", "imagenet", "--block", block, "--stages", stages,
            "--size", "48", "--epochs", "4", "--dense-share", "0.5", "--batch", "12", "--validation", "0.25", "--threads", "1");
        Assert.True(exitCode == 0, output + error);
        Assert.Contains("0 decisions differ", output, StringComparison.Ordinal);

        var bundle = Bundle.Open(Path.Combine(models, "own", "1"));
        Assert.Equal(Classes.Select(each => each.Label).Order(StringComparer.Ordinal), bundle.Manifest.Labels);
        Assert.Equal(blocks, bundle.Manifest.Blocks.Count);
        Assert.Equal(block, bundle.Manifest.Blocks[0].Kind);
        Assert.Equal((12, 12), (bundle.Manifest.Stem.Output.Height, bundle.Manifest.Stem.Output.Width));

        await using var server = new ServerProcess($"Models={models}");
        await server.InitializeAsync();
        foreach (string file in Directory.GetFiles(data, "*.*", SearchOption.AllDirectories).Where((_, i) => i % 5 == 0))
        {
            ClassifyResponse reply = await server.ClassifyAsync(file);
            Assert.Equal("own", reply.Model);
            Assert.Equal(bundle.Manifest.Labels.Order(StringComparer.Ordinal), reply.Predictions.Select(prediction => prediction.Label).Order(StringComparer.Ordinal));
            Assert.InRange(reply.Compute.ExecutedFlops, 1, reply.Compute.PlannedFlops);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // High and wide, larger and smaller than the network's input, as JPEG, PNG and WebP; no two alike, or one would be on both sides of the split.
    private static void WriteImages(string data)
    {
        var random = new Random(1);
        (SKEncodedImageFormat Format, string Extension)[] formats = [(SKEncodedImageFormat.Jpeg, "jpg"), (SKEncodedImageFormat.Png, "png"), (SKEncodedImageFormat.Webp, "webp")];
        foreach ((string label, SKColor colour) in Classes)
        {
            Directory.CreateDirectory(Path.Combine(data, label));
            for (int i = 0; i < ImagesOfAClass; i++)
            {
                using var bitmap = new SKBitmap(random.Next(20, 150), random.Next(20, 150));
                using var canvas = new SKCanvas(bitmap);
                canvas.Clear(new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));
                using var paint = new SKPaint { Color = colour };
                canvas.DrawCircle(random.Next(bitmap.Width), random.Next(bitmap.Height), random.Next(10, 100), paint);
                (SKEncodedImageFormat format, string extension) = formats[i % formats.Length];
                using SKData encoded = bitmap.Encode(format, 90);
                File.WriteAllBytes(Path.Combine(data, label, $"{i}.{extension}"), encoded.ToArray());
            }
        }
    }
}
