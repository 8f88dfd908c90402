using System.Text.Json;
using LCNet.Bundles;
using LCNet.V1;
using SkiaSharp;

namespace LCNet.EndToEnd.Tests;

/// <summary><c>lcnet train --from</c> as a user runs it: another tool's network and a few photos.</summary>
public sealed class TrainFromTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-from-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Train_FortyPhotosOfTwoClassesWithoutAnOption_IsServed()
    {
        string data = Path.Combine(_folder, "Cats & Dogs");
        WritePhotos(data, 20);
        string file = WriteNetwork("net.safetensors", groups: 1);
        string models = Path.Combine(_folder, "models");

        (int exitCode, string output, string error) = await Repository.LcnetAsync("train", data, "--from", file, "--output", models, "--run", Path.Combine(_folder, "run"));

        Assert.True(exitCode == 0, output + error);
        Assert.Contains("Reading 40 images", output, StringComparison.Ordinal);
        Assert.Contains("images/s", output, StringComparison.Ordinal);
        Assert.Contains("GiB of memory", output, StringComparison.Ordinal);
        Assert.Contains("0 decisions differ", output, StringComparison.Ordinal);
        var bundle = Bundle.Open(Path.Combine(models, "cats-dogs", "1"));
        Assert.Equal(["cat", "dog"], bundle.Manifest.Labels);
        Assert.Equal((224, 224), (bundle.Manifest.Input.Height, bundle.Manifest.Input.Width));
        Assert.Equal([0.485f, 0.456f, 0.406f], bundle.Manifest.Input.Mean);
        Assert.Equal("2x4,1x8", bundle.Manifest.Provenance.Recipe["stages"]);
        Assert.Equal(64, bundle.Manifest.Provenance.Recipe["initial"].Length);

        // Red is cats', so that even a network this small can tell.
        await using var server = new ServerProcess($"Models={models}");
        await server.InitializeAsync();
        foreach (string label in new[] { "cat", "dog" })
        {
            ClassifyResponse reply = await server.ClassifyAsync(Path.Combine(data, label, "3.jpg"));
            Assert.Equal(label, reply.Predictions[0].Label);
        }
    }

    [Fact]
    public async Task Train_OptionsThatAFileContradicts_AreRefusedTogether()
    {
        string data = Path.Combine(_folder, "data");
        WritePhotos(data, 4);
        string file = WriteNetwork("net.safetensors", groups: 1);

        (int exitCode, _, string error) = await Repository.LcnetAsync("train", data, "--from", file, "--name", "a b", "--stages", "1x4", "--block", "basic", "--initial", "x.zip");

        Assert.Equal(1, exitCode);
        Assert.All(new[] { "--stages:", "--block:", "--initial and --from", "name:" }, part => Assert.Contains(part, error, StringComparison.Ordinal));
        (_, _, string mean) = await Repository.LcnetAsync("train", data, "--from", file, "--mean", "0.5,0.5");
        Assert.Contains("--mean: three numbers", mean, StringComparison.Ordinal);
        (_, _, string alone) = await Repository.LcnetAsync("train", data, "--std", "0.5,0.5,0.5");
        Assert.Contains("--from names none", alone, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_NetworkThatCannotBeImported_IsRefusedByName()
    {
        string data = Path.Combine(_folder, "data");
        WritePhotos(data, 4);

        (int exitCode, _, string error) = await Repository.LcnetAsync("train", data, "--from", WriteNetwork("next.safetensors", groups: 2));

        Assert.Equal(1, exitCode);
        Assert.Contains("next.safetensors", error, StringComparison.Ordinal);
        Assert.Contains("groups", error, StringComparison.Ordinal);
    }

    private static void WritePhotos(string data, int ofAClass)
    {
        var random = new Random(1);
        foreach ((string label, byte red) in new[] { ("cat", (byte)220), ("dog", (byte)30) })
        {
            Directory.CreateDirectory(Path.Combine(data, label));
            for (int i = 0; i < ofAClass; i++)
            {
                using var bitmap = new SKBitmap(240 + random.Next(80), 240 + random.Next(80));
                using var canvas = new SKCanvas(bitmap);
                canvas.Clear(new SKColor(red, (byte)random.Next(256), (byte)random.Next(256)));
                using var paint = new SKPaint { Color = new SKColor(red, (byte)random.Next(256), (byte)random.Next(256)) };
                canvas.DrawCircle(random.Next(bitmap.Width), random.Next(bitmap.Height), random.Next(20, 100), paint);
                using SKData encoded = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
                File.WriteAllBytes(Path.Combine(data, label, $"{i}.jpg"), encoded.ToArray());
            }
        }
    }

    // A small ResNet under torchvision's names, in the format of safetensors: the header's length, the header, the values.
    private string WriteNetwork(string name, int groups)
    {
        var random = new Random(2);
        var header = new Dictionary<string, object>();
        var values = new List<float>();
        void Add(string tensor, Func<float> value, params int[] shape)
        {
            int first = values.Count * sizeof(float);
            values.AddRange(Enumerable.Range(0, shape.Aggregate(1, (product, size) => product * size)).Select(_ => value()));
            header[tensor] = new { dtype = "F32", shape, data_offsets = new[] { first, values.Count * sizeof(float) } };
        }

        void AddConvolution(string conv, string norm, int outputs, int inputs, int kernel)
        {
            double spread = Math.Sqrt(6.0 / (inputs * kernel * kernel));
            Add($"{conv}.weight", () => (float)(spread * ((2 * random.NextDouble()) - 1)), outputs, inputs, kernel, kernel);
            Add($"{norm}.weight", () => 1, outputs);
            Add($"{norm}.bias", () => 0, outputs);
            Add($"{norm}.running_mean", () => 0, outputs);
            Add($"{norm}.running_var", () => 1, outputs);
        }

        AddConvolution("conv1", "bn1", 4, 3, 7);
        foreach ((string block, int inputs, int width) in new[] { ("layer1.0", 4, 4), ("layer1.1", 4, 4), ("layer2.0", 4, 8) })
        {
            AddConvolution($"{block}.conv1", $"{block}.bn1", width, inputs / groups, 3);
            AddConvolution($"{block}.conv2", $"{block}.bn2", width, width / groups, 3);
        }

        AddConvolution("layer2.0.downsample.0", "layer2.0.downsample.1", 8, 4, 1);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        string path = Path.Combine(_folder, name);
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write((long)json.Length);
        writer.Write(json);
        values.ForEach(writer.Write);
        return path;
    }
}
