using LCNet.Training.Import;
using LCNet.Training.Networks;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Import;

public class PretrainedImportTests
{
    [Fact]
    public void Read_ResNet18TrainedOnImageNet_ComputesWhatOnnxRuntimeDoes()
    {
        // Microsoft.ML.DnnImageFeaturizer.ResNet18's ResNet18.onnx, which CNTK exported: blue first, pixels of 0 … 255 less a mean, no classifier.
        string? path = Environment.GetEnvironmentVariable("LCNET_RESNET18");
        Assert.SkipWhen(string.IsNullOrEmpty(path), "LCNET_RESNET18 does not name the ResNet18.onnx of NuGet's Microsoft.ML.DnnImageFeaturizer.ResNet18; .ci/run restores it.");
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();

        ImportedNetwork imported = NetworkFile.Read(path!);

        Assert.Equal((BlockKind.Basic, StemKind.ImageNet, 224, 512), (imported.Kind, imported.Stem, imported.InputSize, imported.Features));

        // One block more than He et al. have in the last stage.
        Assert.Equal([2, 2, 2, 3], imported.BlocksPerStage);
        Assert.Null(imported.Classes);
        using LcNet network = new(imported.Spec(6, 224));
        Assert.False(imported.CopyTo(network, isBgr: true));
        network.eval();
        manual_seed(1);
        foreach (int smoothness in new[] { 1, 16 })
        {
            // Noise, and something with edges and surfaces.
            Tensor noise = rand(1, 3, 224 / smoothness, 224 / smoothness) * 255;
            Tensor rgb = nn.functional.interpolate(noise, [224, 224], mode: InterpolationMode.Nearest) - 115;
            float[] expected = OnnxRuntimeOutput.Of(path!, rgb.flip(1));
            OnnxRuntimeOutput.AssertClose(expected, network.BlockInputs(rgb)[^1].mean([2, 3]), 1e-3);
        }
    }
}
