using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Inference;
using static Inference.ModelInferRequest.Types;
using static Inference.ModelInferResponse.Types;

namespace LCNet.Server.Tests;

/// <summary>Speaks the Open Inference Protocol, of which it knows the wire contract alone.</summary>
internal sealed class InferClient(ChannelBase channel)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public GRPCInferenceService.GRPCInferenceServiceClient Calls { get; } = new(channel);

    public async Task<ModelInferResponse> InferAsync(ModelInferRequest request) =>
        await Calls.ModelInferAsync(request, deadline: TestServer.Deadline, cancellationToken: Token);

    /// <summary>Infers, and gives the status whatever it is.</summary>
    public async Task<Status> StatusOfAsync(ModelInferRequest request)
    {
        try
        {
            await InferAsync(request);
            return Status.DefaultSuccess;
        }
        catch (RpcException exception)
        {
            return exception.Status;
        }
    }

    /// <summary>A request with image files.</summary>
    public static ModelInferRequest Images(bool raw, params byte[][] files)
    {
        var request = new ModelInferRequest
        {
            ModelName = ServerFixture.Model,
            Inputs = { new InferInputTensor { Name = "image", Datatype = "BYTES", Shape = { files.Length } } },
        };
        if (raw)
        {
            request.RawInputContents.Add(ByteString.CopyFrom(RawFiles(files)));
        }
        else
        {
            request.Inputs[0].Contents = new InferTensorContents { BytesContents = { files.Select(file => ByteString.CopyFrom(file)) } };
        }

        return request;
    }

    /// <summary>A request with tensors.</summary>
    public static ModelInferRequest Tensors(bool raw, int count, params float[] values)
    {
        var request = new ModelInferRequest
        {
            ModelName = ServerFixture.Model,
            Inputs = { new InferInputTensor { Name = "tensor", Datatype = "FP32", Shape = { count, 3, TestBundle.Side, TestBundle.Side } } },
        };
        if (raw)
        {
            request.RawInputContents.Add(ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)));
        }
        else
        {
            request.Inputs[0].Contents = new InferTensorContents { Fp32Contents = { values } };
        }

        return request;
    }

    /// <summary>Files as raw contents: each behind its length.</summary>
    public static byte[] RawFiles(byte[][] files) => [.. files.SelectMany(file => (byte[])[.. LittleEndian(file.Length), .. file])];

    public static byte[] LittleEndian(int value)
    {
        byte[] bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    public static float[] Floats(ModelInferResponse reply, string name) => Numbers<float>(reply, name, "FP32", contents => contents.Fp32Contents);

    public static double[] Doubles(ModelInferResponse reply, string name) => Numbers<double>(reply, name, "FP64", contents => contents.Fp64Contents);

    public static long[] Longs(ModelInferResponse reply, string name) => Numbers<long>(reply, name, "INT64", contents => contents.Int64Contents);

    public static string[] Texts(ModelInferResponse reply, string name)
    {
        (InferOutputTensor output, ByteString? raw) = Find(reply, name, "BYTES");
        if (raw is null)
        {
            return [.. output.Contents.BytesContents.Select(text => text.ToStringUtf8())];
        }

        var texts = new List<string>();
        for (ReadOnlySpan<byte> rest = raw.Span; rest.Length > 0;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest);
            texts.Add(Encoding.UTF8.GetString(rest.Slice(sizeof(int), length)));
            rest = rest[(sizeof(int) + length)..];
        }

        Assert.Equal(output.Shape.Aggregate((a, b) => a * b), texts.Count);
        return [.. texts];
    }

    private static T[] Numbers<T>(ModelInferResponse reply, string name, string datatype, Func<InferTensorContents, IEnumerable<T>> list)
        where T : unmanaged
    {
        (InferOutputTensor output, ByteString? raw) = Find(reply, name, datatype);
        T[] values = raw is null ? [.. list(output.Contents)] : MemoryMarshal.Cast<byte, T>(raw.Span).ToArray();
        Assert.Equal(output.Shape.Aggregate((a, b) => a * b), values.Length);
        return values;
    }

    private static (InferOutputTensor Output, ByteString? Raw) Find(ModelInferResponse reply, string name, string datatype)
    {
        (int i, InferOutputTensor output) = Assert.Single(reply.Outputs.Index(), output => output.Item.Name == name);
        Assert.Equal(datatype, output.Datatype);
        if (reply.RawOutputContents.Count == 0)
        {
            return (output, null);
        }

        Assert.Equal(reply.Outputs.Count, reply.RawOutputContents.Count);
        Assert.Null(output.Contents);
        return (output, reply.RawOutputContents[i]);
    }
}
