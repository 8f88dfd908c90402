using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Inference;
using LCNet.Server.Errors;
using static Inference.ModelInferRequest.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>
/// Reads a request as the Open Inference Protocol has it over HTTP: a JSON object, behind which binary contents may follow. What it makes is the message that a gRPC caller
/// would send, so that the same rules hold for both. A BYTES element in JSON is a file in base64.
/// </summary>
internal static class InferJsonRequest
{
    /// <summary>Name of the parameter that says how many of the bytes behind the JSON an input has.</summary>
    public const string BinarySize = "binary_data_size";

    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a request.</summary>
    /// <param name="body">The whole body.</param>
    /// <param name="model">From the path.</param>
    /// <param name="version">From the path; empty for the highest.</param>
    /// <param name="headerLength">Bytes of the JSON, from <c>Inference-Header-Content-Length</c>; null where there is nothing else.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT: it is not of this form; the message names the first field that is not.</exception>
    public static ModelInferRequest Read(string model, string version, ReadOnlyMemory<byte> body, int? headerLength)
    {
        if (headerLength > body.Length)
        {
            throw ServerError.InvalidArgument($"Inference-Header-Content-Length: is {headerLength}, but the body has {body.Length} bytes");
        }

        ReadOnlyMemory<byte> binary = body[(headerLength ?? body.Length)..];
        try
        {
            using JsonDocument document = JsonDocument.Parse(body[..(headerLength ?? body.Length)], Options);
            var request = new ModelInferRequest { ModelName = model, ModelVersion = version };
            foreach (JsonProperty property in Properties(document.RootElement, "request"))
            {
                Read(property, request, ref binary);
            }

            return binary.IsEmpty ? request : throw ServerError.InvalidArgument($"the body has {binary.Length} bytes behind the JSON that no input's {BinarySize} speaks of");
        }
        catch (JsonException exception)
        {
            throw ServerError.InvalidArgument($"the request is not JSON: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}");
        }
        catch (InvalidOperationException)
        {
            // What a text with bytes that are no UTF-8, or with half of a surrogate pair, is answered with where it is read.
            throw ServerError.InvalidArgument("the request has a text that is not Unicode");
        }
    }

    private static void Read(JsonProperty property, ModelInferRequest request, ref ReadOnlyMemory<byte> binary)
    {
        switch (property.Name)
        {
            case "id":
                request.Id = Text(property.Value, "id");
                break;
            case "parameters":
                ReadParameters(property.Value, request.Parameters, "parameters");
                break;

            // What clients of KServe send besides the path.
            case "model_name":
                CheckSame(property, request.ModelName);
                break;
            case "model_version":
                CheckSame(property, request.ModelVersion);
                break;
            case "inputs":
                foreach ((int i, JsonElement input) in Elements(property.Value, "inputs").Index())
                {
                    request.Inputs.Add(ReadInput(input, $"inputs[{i}]", request, ref binary));
                }

                break;
            case "outputs":
                foreach ((int i, JsonElement output) in Elements(property.Value, "outputs").Index())
                {
                    request.Outputs.Add(ReadOutput(output, $"outputs[{i}]"));
                }

                break;
            default:
                throw Unknown(property.Name, "request");
        }
    }

    private static void CheckSame(JsonProperty property, string path)
    {
        string given = Text(property.Value, property.Name);
        if (given.Length > 0 && given != path)
        {
            throw ServerError.InvalidArgument($"{property.Name}: {ServerError.Quote(given)} is not what the path names, {ServerError.Quote(path)}");
        }
    }

    private static InferInputTensor ReadInput(JsonElement input, string field, ModelInferRequest request, ref ReadOnlyMemory<byte> binary)
    {
        var tensor = new InferInputTensor();
        JsonElement? data = null;
        foreach (JsonProperty property in Properties(input, field))
        {
            switch (property.Name)
            {
                case "name":
                    tensor.Name = Text(property.Value, $"{field}.name");
                    break;
                case "datatype":
                    tensor.Datatype = Text(property.Value, $"{field}.datatype");
                    break;
                case "shape":
                    tensor.Shape.AddRange(Elements(property.Value, $"{field}.shape").Select(size => Whole(size, $"{field}.shape")));
                    break;
                case "parameters":
                    ReadParameters(property.Value, tensor.Parameters, $"{field}.parameters");
                    break;
                case "data":
                    data = property.Value;
                    break;
                default:
                    throw Unknown(property.Name, field);
            }
        }

        if (tensor.Parameters.TryGetValue(BinarySize, out InferParameter? size))
        {
            if (data is not null)
            {
                throw ServerError.InvalidArgument($"{field}.data, {field}.parameters.{BinarySize}: only one of them may be given");
            }

            if (size.ParameterChoiceCase != InferParameter.ParameterChoiceOneofCase.Int64Param || size.Int64Param < 0 || size.Int64Param > binary.Length)
            {
                throw ServerError.InvalidArgument($"{field}.parameters.{BinarySize}: is not a number of bytes from 0 to {binary.Length}, which are behind the JSON");
            }

            request.RawInputContents.Add(UnsafeByteOperations.UnsafeWrap(binary[..(int)size.Int64Param]));
            binary = binary[(int)size.Int64Param..];
        }
        else if (data is JsonElement elements)
        {
            tensor.Contents = new InferTensorContents();
            ReadData(elements, tensor, $"{field}.data");
        }

        return tensor;
    }

    private static void ReadData(JsonElement data, InferInputTensor tensor, string field)
    {
        if (data.ValueKind == JsonValueKind.Array)
        {
            // Nested as the shape is, or flat: the protocol takes both.
            foreach (JsonElement element in data.EnumerateArray())
            {
                ReadData(element, tensor, field);
            }
        }
        else if (tensor.Name == InferInputs.Image)
        {
            byte[]? file = null;
            bool isBase64 = data.ValueKind == JsonValueKind.String && data.TryGetBytesFromBase64(out file);
            tensor.Contents.BytesContents.Add(isBase64 ? UnsafeByteOperations.UnsafeWrap(file) : throw ServerError.InvalidArgument($"{field}: an element is not a text in base64"));
        }
        else
        {
            tensor.Contents.Fp32Contents.Add(data.ValueKind == JsonValueKind.Number && data.TryGetSingle(out float value) ? value : throw ServerError.InvalidArgument($"{field}: an element is not a number"));
        }
    }

    private static InferRequestedOutputTensor ReadOutput(JsonElement output, string field)
    {
        var tensor = new InferRequestedOutputTensor();
        foreach (JsonProperty property in Properties(output, field))
        {
            switch (property.Name)
            {
                case "name":
                    tensor.Name = Text(property.Value, $"{field}.name");
                    break;
                case "parameters":
                    ReadParameters(property.Value, tensor.Parameters, $"{field}.parameters");
                    break;

                // Clients of KServe send what they know of an output.
                case "datatype" or "shape" or "data":
                    break;
                default:
                    throw Unknown(property.Name, field);
            }
        }

        return tensor;
    }

    private static void ReadParameters(JsonElement value, MapField<string, InferParameter> parameters, string field)
    {
        foreach (JsonProperty property in Properties(value, field))
        {
            parameters[property.Name] = property.Value.ValueKind switch
            {
                JsonValueKind.True or JsonValueKind.False => new InferParameter { BoolParam = property.Value.GetBoolean() },
                JsonValueKind.String => new InferParameter { StringParam = property.Value.GetString() },
                JsonValueKind.Number when property.Value.TryGetInt64(out long whole) => new InferParameter { Int64Param = whole },
                JsonValueKind.Number => new InferParameter { DoubleParam = property.Value.GetDouble() },
                _ => throw ServerError.InvalidArgument($"{field}.{Short(property.Name)}: is neither a boolean, a number nor a text"),
            };
        }
    }

    // An optional property may be null: it then says nothing.
    private static IEnumerable<JsonProperty> Properties(JsonElement value, string field) => value.ValueKind == JsonValueKind.Object
        ? value.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null)
        : throw ServerError.InvalidArgument($"{field}: is not a JSON object");

    private static JsonElement.ArrayEnumerator Elements(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw ServerError.InvalidArgument($"{field}: is not an array");

    private static string Text(JsonElement value, string field) => value.ValueKind == JsonValueKind.String ? value.GetString()! : throw ServerError.InvalidArgument($"{field}: is not a text");

    private static long Whole(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long whole) ? whole : throw ServerError.InvalidArgument($"{field}: an element is not a whole number");

    private static ServerError Unknown(string name, string field) => ServerError.InvalidArgument($"{field}: {ServerError.Quote(name)} is not taken");

    private static string Short(string name) => ServerError.Quote(name).Trim('\'');
}
