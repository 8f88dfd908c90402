using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Inference;
using LCNet.Server.Models;
using static Inference.ModelInferRequest.Types;
using static Inference.ModelMetadataResponse.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Writes replies as the Open Inference Protocol has them over HTTP: JSON, with the contents of outputs in it or, where that was asked for, as bytes behind it.</summary>
internal static class InferJsonReply
{
    // Replies say that they are JSON, and that nobody is to guess otherwise: what a page of HTML would need escaped stays readable.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes what a batch gave and cost.</summary>
    /// <param name="request">That was answered.</param>
    /// <returns>The whole body, and how many bytes of it are JSON; null for all of them.</returns>
    public static (ReadOnlyMemory<byte> Body, int? HeaderLength) Write(ModelInferRequest request, InferAnswer answer)
    {
        (ServedModel model, InferBatch batch, InferRows rows) = answer;
        var body = new ArrayBufferWriter<byte>(4096);
        var binary = new List<ByteString>();
        using (var json = new Utf8JsonWriter(body, Options))
        {
            json.WriteStartObject();
            json.WriteString("model_name", model.ModelName);
            json.WriteString("model_version", model.Version);
            if (request.Id.Length > 0)
            {
                json.WriteString("id", request.Id);
            }

            json.WriteStartObject("parameters");
            foreach ((string name, long flops) in InferReply.Bill(rows))
            {
                json.WriteNumber(name, flops);
            }

            json.WriteString(InferReply.Device, model.Engine.Device);
            json.WriteEndObject();
            json.WriteStartArray("outputs");
            foreach (InferOutput output in batch.Outputs)
            {
                WriteOutput(json, output, answer, IsBinary(request, output.Name), binary);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        int header = body.WrittenCount;
        foreach (ByteString contents in binary)
        {
            body.Write(contents.Span);
        }

        return (body.WrittenMemory, binary.Count > 0 ? header : null);
    }

    /// <summary>Writes what describes a model.</summary>
    public static ReadOnlyMemory<byte> Write(ModelMetadataResponse metadata) => Object(json =>
    {
        json.WriteString("name", metadata.Name);
        WriteTexts(json, "versions", metadata.Versions);
        json.WriteString("platform", metadata.Platform);
        WriteTensors(json, "inputs", metadata.Inputs);
        WriteTensors(json, "outputs", metadata.Outputs);
        json.WriteStartObject("properties");
        foreach ((string name, string value) in metadata.Properties)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
    });

    /// <summary>Writes what describes the server.</summary>
    public static ReadOnlyMemory<byte> Write(ServerMetadataResponse metadata) => Object(json =>
    {
        json.WriteString("name", metadata.Name);
        json.WriteString("version", metadata.Version);
        WriteTexts(json, "extensions", metadata.Extensions);
    });

    /// <summary>Writes one object.</summary>
    /// <param name="write">Writes its properties.</param>
    public static ReadOnlyMemory<byte> Object(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return body.WrittenMemory;
    }

    // What an output says of itself goes before what the request says of all of them.
    private static bool IsBinary(ModelInferRequest request, string output)
    {
        InferParameter? own = null;
        request.Outputs.FirstOrDefault(asked => asked.Name == output)?.Parameters.TryGetValue("binary_data", out own);
        return (own ?? (request.Parameters.TryGetValue("binary_data_output", out InferParameter? all) ? all : null))?.BoolParam ?? false;
    }

    private static void WriteOutput(Utf8JsonWriter json, InferOutput output, InferAnswer answer, bool isBinary, List<ByteString> binary)
    {
        json.WriteStartObject();
        json.WriteString("name", output.Name);
        json.WriteString("datatype", output.Datatype);
        WriteWholes(json, "shape", output.Shape(answer.Model, answer.Rows.Count));
        if (isBinary)
        {
            ByteString contents = output.Raw(answer.Rows);
            binary.Add(contents);
            json.WriteStartObject("parameters");
            json.WriteNumber(InferJsonRequest.BinarySize, contents.Length);
            json.WriteEndObject();
        }
        else
        {
            var contents = new InferTensorContents();
            output.Write(answer.Rows, contents);
            WriteData(json, contents);
        }

        json.WriteEndObject();
    }

    private static void WriteData(Utf8JsonWriter json, InferTensorContents contents)
    {
        json.WriteStartArray("data");
        foreach (float value in contents.Fp32Contents)
        {
            json.WriteNumberValue(value);
        }

        foreach (double value in contents.Fp64Contents)
        {
            json.WriteNumberValue(value);
        }

        foreach (long value in contents.Int64Contents)
        {
            json.WriteNumberValue(value);
        }

        foreach (ByteString value in contents.BytesContents)
        {
            json.WriteStringValue(value.Span);
        }

        json.WriteEndArray();
    }

    private static void WriteTensors(Utf8JsonWriter json, string name, RepeatedField<TensorMetadata> tensors)
    {
        json.WriteStartArray(name);
        foreach (TensorMetadata tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.WriteString("datatype", tensor.Datatype);
            WriteWholes(json, "shape", tensor.Shape);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void WriteWholes(Utf8JsonWriter json, string name, IEnumerable<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}
