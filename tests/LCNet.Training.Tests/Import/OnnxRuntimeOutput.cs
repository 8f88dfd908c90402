using Microsoft.ML.OnnxRuntime;
using TorchSharp;

namespace LCNet.Training.Tests.Import;

/// <summary>What ONNX Runtime makes of a file.</summary>
internal static class OnnxRuntimeOutput
{
    public static float[] Of(string path, torch.Tensor image)
    {
        using var session = new InferenceSession(path);
        using OrtValue value = OrtValue.CreateTensorValueFromMemory(image.contiguous().data<float>().ToArray(), image.shape);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, [session.InputNames[0]], [value], [session.OutputNames[0]]);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public static void AssertClose(float[] expected, torch.Tensor actual, double tolerance)
    {
        float[] values = actual.contiguous().data<float>().ToArray();
        Assert.Equal(expected.Length, values.Length);
        double scale = expected.Max(Math.Abs);
        double difference = expected.Zip(values, (one, other) => Math.Abs(one - other)).Max();
        Assert.True(difference <= tolerance * scale, $"differs by {difference} of {scale}");
    }
}
