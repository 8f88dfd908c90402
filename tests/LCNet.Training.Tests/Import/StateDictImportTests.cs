using System.Text.RegularExpressions;
using LCNet.Training.Data;
using LCNet.Training.Import;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.PyBridge;
using static TorchSharp.torch;

namespace LCNet.Training.Tests.Import;

/// <summary>Networks of TorchVision, a foreign implementation, are written by PyBridge and read back.</summary>
public class StateDictImportTests
{
    [Theory]
    [InlineData(18, "torchvision.pth")]
    [InlineData(34, "torchvision.safetensors")]
    [InlineData(50, "torchvision.pt")]
    [InlineData(18, "huggingface.safetensors")]
    [InlineData(50, "huggingface.bin")]
    [InlineData(18, "wrapped.pth")]
    [InlineData(18, "checkpoint.pth")]
    [InlineData(18, "half.safetensors")]
    public void Read_NetworkOfTorchVision_ComputesTheSame(int depth, string file)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using ResNet original = Make(depth);
        Dictionary<string, Tensor> state = original.state_dict();
        string style = Path.GetFileNameWithoutExtension(file);
        if (style == "half")
        {
            foreach ((string name, Tensor value) in state.Where(entry => entry.Value.is_floating_point()))
            {
                value.copy_(value.to_type(ScalarType.Float16));
            }
        }

        Write(folder.At(file), style switch
        {
            "huggingface" => Rename(state, HuggingFace),
            "wrapped" => Rename(state, name => "module." + name),
            "half" => state.ToDictionary(entry => entry.Key, entry => entry.Value.is_floating_point() ? entry.Value.to_type(ScalarType.Float16) : entry.Value),
            _ => state,
        }, isNested: style == "checkpoint");

        ImportedNetwork imported = NetworkFile.Read(folder.At(file));

        Assert.Equal(depth == 50 ? BlockKind.Bottleneck : BlockKind.Basic, imported.Kind);
        Assert.Equal(StemKind.ImageNet, imported.Stem);
        Assert.Equal(depth == 18 ? [2, 2, 2, 2] : [3, 4, 6, 3], imported.BlocksPerStage);
        Assert.Equal([64, 128, 256, 512], imported.Widths);
        Assert.Equal(10, imported.Classes);
        Assert.False(imported.IsFolded);
        Assert.Null(imported.StridesFirst);
        Tensor images = randn(2, 3, 64, 64);
        using LcNet network = new(imported.Spec(10, 64));
        Assert.True(imported.CopyTo(network, isBgr: false));
        network.eval();
        AssertClose(original.call(images), network.Forward(images, null).Logits);

        // A file that reads blue first is turned round.
        imported.CopyTo(network, isBgr: true);
        AssertClose(original.call(images), network.Forward(images.flip(1), null).Logits);
    }

    [Fact]
    public void ToNetwork_OtherNormalisationAndColourOrder_ComputesTheSameFromTheSamePixels()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using ResNet original = Make(18);
        Write(folder.At("net.pth"), original.state_dict());
        var theirs = new Normalisation([0.5f, 0.4f, 0.3f], [1 / 255f, 1 / 127f, 1 / 63f]);
        Tensor pixels = rand(2, 3, 64, 64);

        ImportedNetwork imported = NetworkFile.Read(folder.At("net.pth"));
        using LcNet network = imported.ToNetwork(imported.Spec(10, 64), theirs, isBgr: true);
        network.eval();

        Normalisation ours = ImportedNetwork.Normalised(theirs);
        Assert.Equal(theirs.Mean, ours.Mean);
        Assert.All(ours.Std, value => Assert.InRange(value, 0.1, 0.5));
        AssertClose(original.call(Normalised(pixels, theirs).flip(1)), network.Forward(Normalised(pixels, ours), null).Logits);
    }

    [Fact]
    public void Read_ClassifierOfOtherClasses_IsLeftOut()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using ResNet original = Make(18);
        Write(folder.At("net.pth"), original.state_dict());
        using LcNet network = new(NetworkFile.Read(folder.At("net.pth")).Spec(3, 64));
        float[] head = network.Head.weight!.data<float>().ToArray();

        Assert.False(NetworkFile.Read(folder.At("net.pth")).CopyTo(network, isBgr: false));
        Assert.Equal(head, network.Head.weight!.data<float>().ToArray());
    }

    [Fact]
    public void Read_NoClassifier_SaysSo()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using ResNet original = Make(18);
        Write(folder.At("net.pth"), original.state_dict().Where(entry => !entry.Key.StartsWith("fc.", StringComparison.Ordinal)).ToDictionary());
        ImportedNetwork imported = NetworkFile.Read(folder.At("net.pth"));
        Assert.Null(imported.Classes);
        Assert.Equal(512, imported.Features);
    }

    public static TheoryData<string, string> Misfits => new()
    {
        { "groups", "layer1.0.conv2.weight: 32 groups, as in ResNeXt" },
        { "squeeze", "layer1.0.se.fc1.weight: squeeze-and-excitation" },
        { "deepStem", "conv1.0.weight: a deep stem" },
        { "averageDown", "layer2.0.downsample.1.weight: a shortcut with a pool" },
        { "wide", "layer1.0.conv3.weight: 128 to 256 channels" },
        { "stem", "conv1.weight: a stem is one 7×7 convolution" },
        { "grey", "conv1.weight: reads 1 channels" },
        { "noNorm", "layer1.0.bn1.weight: not there" },
        { "noMean", "bn1.running_mean: not there" },
        { "short", "bn1.running_var: of shape 63, where 64 values are expected" },
        { "noProjection", "layer2.0: no projection" },
        { "extra", "aux.weight: no part of a ResNet" },
        { "mixed", "layer3.0: 3 convolutions, and the first block has 2" },
        { "names", "layer1.0.conv1.weight: not there" },
        { "flatHead", "fc.weight: of shape 10×512×1×1" },
        { "head", "fc.weight: reads 100 features, and the last block has 512" },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void Read_WhatDoesNotFit_IsRefusedByName(string what, string message)
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using ResNet original = Make(what is "groups" or "wide" ? 50 : 18);
        Dictionary<string, Tensor> state = original.state_dict();
        void Move(string from, string to)
        {
            state[to] = state[from];
            state.Remove(from);
        }

        switch (what)
        {
            case "groups":
                state["layer1.0.conv2.weight"] = zeros(64, 2, 3, 3);
                break;
            case "squeeze":
                state["layer1.0.se.fc1.weight"] = zeros(4, 64, 1, 1);
                break;
            case "deepStem":
                Move("conv1.weight", "conv1.0.weight");
                break;
            case "averageDown":
                Move("layer2.0.downsample.0.weight", "layer2.0.downsample.1.weight");
                break;
            case "wide":
                foreach (string norm in new[] { "weight", "bias", "running_mean", "running_var" })
                {
                    state[$"layer1.0.bn1.{norm}"] = zeros(128);
                    state[$"layer1.0.bn2.{norm}"] = zeros(128);
                }

                state["layer1.0.conv1.weight"] = zeros(128, 64, 1, 1);
                state["layer1.0.conv2.weight"] = zeros(128, 128, 3, 3);
                state["layer1.0.conv3.weight"] = zeros(256, 128, 1, 1);
                break;
            case "stem":
                state["conv1.weight"] = zeros(64, 3, 5, 5);
                break;
            case "grey":
                state["conv1.weight"] = zeros(64, 1, 7, 7);
                break;
            case "noNorm":
                state.Remove("layer1.0.bn1.weight");
                break;
            case "noMean":
                state.Remove("bn1.running_mean");
                break;
            case "short":
                state["bn1.running_var"] = ones(63);
                break;
            case "noProjection":
                foreach (string name in state.Keys.Where(name => name.StartsWith("layer2.0.downsample", StringComparison.Ordinal)).ToArray())
                {
                    state.Remove(name);
                }

                break;
            case "extra":
                state["aux.weight"] = zeros(1);
                break;
            case "mixed":
                state["layer3.0.conv3.weight"] = zeros(256, 256, 3, 3);
                state["layer3.0.conv3.bias"] = zeros(256);
                break;
            case "names":
                state = Rename(state, name => name.Replace("layer", "stage", StringComparison.Ordinal));
                break;
            case "flatHead":
                state["fc.weight"] = zeros(10, 512, 1, 1);
                break;
            case "head":
                state["fc.weight"] = zeros(10, 100);
                break;
        }

        Write(folder.At("net.safetensors"), state);
        var exception = Assert.Throws<InvalidDataException>(() => NetworkFile.Read(folder.At("net.safetensors")));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.Contains("net.safetensors", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("net.pth")]
    [InlineData("net.safetensors")]
    [InlineData("net.onnx")]
    [InlineData("net.zip")]
    public void Read_NoNetwork_IsRefusedNamingTheFile(string name)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.At(name), "nothing of the kind");
        var exception = Assert.Throws<InvalidDataException>(() => NetworkFile.Read(folder.At(name)));
        Assert.Contains(name, exception.Message, StringComparison.Ordinal);
    }

    // Random statistics, so that batch norm is more than the identity.
    private static Tensor Normalised(Tensor pixels, Normalisation normalisation) =>
        (pixels - tensor(normalisation.Mean.ToArray()).reshape(1, 3, 1, 1)) / tensor(normalisation.Std.ToArray()).reshape(1, 3, 1, 1);

    private static ResNet Make(int depth)
    {
        manual_seed(depth);
        ResNet network = depth switch
        {
            18 => torchvision.models.resnet18(num_classes: 10),
            34 => torchvision.models.resnet34(num_classes: 10),
            _ => torchvision.models.resnet50(num_classes: 10),
        };
        using var noGrad = no_grad();
        foreach ((string name, Tensor value) in network.state_dict())
        {
            if (name.EndsWith("running_mean", StringComparison.Ordinal))
            {
                value.normal_(0, 0.1);
            }
            else if (name.EndsWith("running_var", StringComparison.Ordinal) || (name.Contains("bn", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal)))
            {
                value.uniform_(0.5, 1.5);
            }
        }

        network.eval();
        return network;
    }

    private static string HuggingFace(string name)
    {
        string renamed = Regex.Replace(name, @"^layer(\d)\.(\d+)\.", match => $"resnet.encoder.stages.{match.Groups[1].Value[0] - '1'}.layers.{match.Groups[2].Value}.");
        renamed = Regex.Replace(renamed, @"\.conv(\d)\.", match => $".layer.{match.Groups[1].Value[0] - '1'}.convolution.");
        renamed = Regex.Replace(renamed, @"\.bn(\d)\.", match => $".layer.{match.Groups[1].Value[0] - '1'}.normalization.");
        renamed = renamed.Replace(".downsample.0.", ".shortcut.convolution.", StringComparison.Ordinal).Replace(".downsample.1.", ".shortcut.normalization.", StringComparison.Ordinal);
        renamed = Regex.Replace(renamed, @"^conv1\.", "resnet.embedder.embedder.convolution.");
        renamed = Regex.Replace(renamed, @"^bn1\.", "resnet.embedder.embedder.normalization.");
        return Regex.Replace(renamed, @"^fc\.", "classifier.1.");
    }

    private static Dictionary<string, Tensor> Rename(Dictionary<string, Tensor> state, Func<string, string> name) =>
        state.ToDictionary(entry => name(entry.Key), entry => entry.Value);

    private static void Write(string path, Dictionary<string, Tensor> state, bool isNested = false)
    {
        if (Path.GetExtension(path) == ".safetensors")
        {
            using FileStream safetensors = File.Create(path);
            Safetensors.SaveStateDict(safetensors, state, leaveOpen: true);
            return;
        }

        using FileStream stream = File.Create(path);
        var table = new System.Collections.Hashtable(state.ToDictionary(entry => entry.Key, entry => entry.Value));
        PyTorchPickler.PickleStateDict(stream, isNested ? new System.Collections.Hashtable { ["epoch"] = 3, ["state_dict"] = table } : table, leaveOpen: true);
    }

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        double scale = expected.abs().max().ToDouble();
        double difference = (expected - actual).abs().max().ToDouble();
        Assert.True(difference <= 1e-4 * scale, $"differs by {difference} of {scale}");
    }
}
