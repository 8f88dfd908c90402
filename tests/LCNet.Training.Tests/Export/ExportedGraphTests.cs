using LCNet.Bundles;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using Microsoft.ML.OnnxRuntime;

namespace LCNet.Training.Tests.Export;

/// <summary>What a reader of the files relies on that knows ONNX and nothing of this project.</summary>
public class ExportedGraphTests
{
    private const int Images = 3;
    private const int Kept = 2;

    [Theory]
    [InlineData(BlockKind.Basic, GateSpan.Block)]
    [InlineData(BlockKind.Bottleneck, GateSpan.Model)]
    public void EverySegment_BatchOfImages_EqualsOneAtATime(BlockKind kind, GateSpan span)
    {
        using var folder = new TemporaryFolder();
        Bundle bundle = RandomNetwork.Export(RandomNetwork.Shared(kind, span), folder.Path);
        string[] files = [.. Directory.GetFiles(bundle.Folder, "*.onnx").Order(StringComparer.Ordinal)];
        Assert.Equal(bundle.Manifest.Files.Keys.Order(StringComparer.Ordinal), files.Select(Path.GetFileName));
        foreach (string file in files)
        {
            AssertBatchWorks(file);
        }
    }

    [Fact]
    public void EverySegment_Batch_IsSymbolic()
    {
        using var folder = new TemporaryFolder();
        Bundle bundle = RandomNetwork.Export(RandomNetwork.Shared(BlockKind.Basic, GateSpan.Stage), folder.Path);
        foreach (string file in Directory.GetFiles(bundle.Folder, "*.onnx"))
        {
            using InferenceSession session = Load(file);
            foreach ((string name, NodeMetadata value) in session.InputMetadata.Concat(session.OutputMetadata))
            {
                string[] expected = name switch
                {
                    "keep" => ["k"],
                    "channel_scale" => ["N", "k"],
                    _ => ["N", .. value.SymbolicDimensions.Skip(1).Select(_ => string.Empty)],
                };
                Assert.Equal(expected, value.SymbolicDimensions);
            }
        }
    }

    private static InferenceSession Load(string file)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        return new InferenceSession(file, options);
    }

    private static void AssertBatchWorks(string file)
    {
        using InferenceSession session = Load(file);
        var random = new Random(5);
        var inputs = new List<Input>();
        foreach ((string name, NodeMetadata input) in session.InputMetadata)
        {
            // Negative are the symbolic dimensions: images first, kept channels behind them.
            int[] row = [.. input.Dimensions.Skip(1).Select(dimension => dimension < 0 ? Kept : dimension)];
            inputs.Add(new Input(name, row, [.. Enumerable.Range(0, Images * row.Aggregate(1, (a, b) => a * b)).Select(_ => random.NextSingle())]));
        }

        float[][] together = Run(session, inputs, 0, Images);
        float[][][] apart = [.. Enumerable.Range(0, Images).Select(image => Run(session, inputs, image, 1))];
        for (int output = 0; output < together.Length; output++)
        {
            float[] oneByOne = [.. apart.SelectMany(image => image[output])];
            Assert.Equal(together[output].Length, oneByOne.Length);
            Assert.All(together[output].Zip(oneByOne), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        }

        Assert.NotEqual(apart[0].SelectMany(output => output), apart[1].SelectMany(output => output));
    }

    private static float[][] Run(InferenceSession session, List<Input> inputs, int first, int count)
    {
        var values = new Dictionary<string, OrtValue>();
        foreach (Input input in inputs)
        {
            int length = input.Values.Length / Images;
            values[input.Name] = input.Name == "keep"
                ? OrtValue.CreateTensorValueFromMemory(new long[] { 1, 3 }, [Kept])
                : OrtValue.CreateTensorValueFromMemory(input.Values[(first * length)..((first + count) * length)], [count, .. input.Row.Select(size => (long)size)]);
        }

        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, values, session.OutputNames);
        float[][] results = [.. outputs.Select(output => output.GetTensorDataAsSpan<float>().ToArray())];
        foreach (OrtValue value in values.Values)
        {
            value.Dispose();
        }

        return results;
    }

    private sealed record Input(string Name, int[] Row, float[] Values);
}
