using System.Globalization;
using System.Text.Json;
using Inference;
using LCNet.Server.Models;
using static Inference.ModelMetadataResponse.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Describes the server and its models to clients of the Open Inference Protocol.</summary>
internal static class InferMetadata
{
    private const string Platform = "lcnet_onnx";
    private const long Any = -1;

    /// <summary>Describes the server.</summary>
    public static ServerMetadataResponse OfServer() => new()
    {
        Name = "LCNet.Serving",
        Version = typeof(InferMetadata).Assembly.GetName().Version?.ToString(3) ?? string.Empty,
        Extensions = { "binary_tensor_data" },
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
        Properties =
        {
            { "inputs", $"one of {InferInputs.Image} and {InferInputs.Tensor}" },
            { "labels", JsonSerializer.Serialize(model.Labels) },
            { "dense_flops", model.Engine.Bundle.Flops.Dense.ToString(CultureInfo.InvariantCulture) },
            { "minimum_flops", model.Engine.Bundle.Flops.Minimum.ToString(CultureInfo.InvariantCulture) },
        },
    };

    private static TensorMetadata Tensor(string name, string datatype, IEnumerable<long> shape) => new() { Name = name, Datatype = datatype, Shape = { shape } };
}
