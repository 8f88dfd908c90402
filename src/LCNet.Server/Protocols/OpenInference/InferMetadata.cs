using System.Globalization;
using System.Text.Json;
using Inference;
using LCNet.Server.Models;
using static Inference.ModelMetadataResponse.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Describes the server and its models to clients of the Open Inference Protocol.</summary>
internal static class InferMetadata
{
    /// <summary>Name of the platform.</summary>
    public const string Platform = "lcnet_onnx";
    private const long Any = -1;

    /// <summary>Describes the server.</summary>
    public static ServerMetadataResponse OfServer() => new()
    {
        Name = "LCNet.Serving",
        Version = typeof(InferMetadata).Assembly.GetName().Version?.ToString(3) ?? string.Empty,
        Extensions = { "classification", "model_configuration", "model_repository", "statistics", "binary_tensor_data" },
    };

    /// <summary>Describes a model.</summary>
    public static ModelMetadataResponse Of(ServedModel model, IReadOnlyList<ServedModel> all) => new()
    {
        Name = model.ModelName,
        Versions = { all.Where(other => other.ModelName == model.ModelName).Select(other => other.Version) },
        Platform = Platform,
        Inputs =
        {
            Tensor(InferInputs.Image, InferTypes.Bytes, [Any]),
            Tensor(InferInputs.Tensor, InferTypes.Fp32, [Any, 3, model.Input.Height, model.Input.Width]),
        },
        Outputs = { InferOutputs.All.Select(output => Tensor(output.Name, output.Datatype, output.Shape(model, Any))) },
        Properties = { Properties(model) },
    };

    /// <summary>What else there is to know of a model, as texts. What a tensor's values are follows from mean and deviation, of pixels in [0, 1]: (pixel - mean) / std.</summary>
    public static Dictionary<string, string> Properties(ServedModel model) => new()
    {
        ["inputs"] = $"one of {InferInputs.Image} and {InferInputs.Tensor}",
        ["labels"] = JsonSerializer.Serialize(model.Labels),
        ["dense_flops"] = model.Engine.Bundle.Flops.Dense.ToString(CultureInfo.InvariantCulture),
        ["minimum_flops"] = model.Engine.Bundle.Flops.Minimum.ToString(CultureInfo.InvariantCulture),
        ["mean"] = JsonSerializer.Serialize(model.Input.Mean),
        ["std"] = JsonSerializer.Serialize(model.Input.Std),
        ["colour_order"] = model.Input.Colour,
    };

    private static TensorMetadata Tensor(string name, string datatype, IEnumerable<long> shape) => new() { Name = name, Datatype = datatype, Shape = { shape } };
}
