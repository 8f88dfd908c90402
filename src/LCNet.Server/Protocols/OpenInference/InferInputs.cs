using Inference;
using LCNet.Bundles;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using static Inference.ModelInferRequest.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Reads the one input of a request: image files as BYTES, or a batch of the network's inputs as FP32.</summary>
internal static class InferInputs
{
    /// <summary>Name of the input of image files, [n] or [n, 1].</summary>
    public const string Image = "image";

    /// <summary>Name of the input of tensors, [n, 3, height, width].</summary>
    public const string Tensor = "tensor";

    private const string RawField = "raw_input_contents";
    private const string Field = "inputs[0]";

    /// <summary>Reads the images of a request.</summary>
    /// <param name="request">From a caller: anything may be in it.</param>
    /// <param name="fields">Names of its fields, for what is wrong with them.</param>
    /// <param name="input">What the network takes.</param>
    /// <param name="problems">Takes a line a breach; the images mean nothing where there is one.</param>
    public static IReadOnlyList<ImageInput> Read(ModelInferRequest request, InferFields fields, InputSpec input, int maxBatch, List<string> problems)
    {
        if (request.Inputs.Count != 1)
        {
            problems.Add($"inputs: there are {request.Inputs.Count}; a request takes one, {Image} or {Tensor}");
            return [];
        }

        InferInputTensor tensor = request.Inputs[0];
        InferParameters.CheckTensor(tensor.Parameters, Field, problems);
        if (tensor.Name is not (Image or Tensor))
        {
            problems.Add($"{Field}.name: {ServerError.Quote(tensor.Name)} is neither {Image} nor {Tensor}");
            return [];
        }

        bool files = tensor.Name == Image;
        string datatype = files ? InferTypes.Bytes : InferTypes.Fp32;
        if (tensor.Datatype != datatype)
        {
            problems.Add($"{Field}.datatype: {ServerError.Quote(tensor.Datatype)} is not {datatype}, the type of {tensor.Name}");
        }

        return ReadContents(request, fields, input, files, CountOf(tensor, files, input, maxBatch, problems), problems);
    }

    private static IReadOnlyList<ImageInput> ReadContents(ModelInferRequest request, InferFields fields, InputSpec input, bool files, int? count, List<string> problems)
    {
        InferTensorContents contents = request.Inputs[0].Contents ?? new InferTensorContents();
        if (request.RawInputContents.Count == 0)
        {
            string list = files ? "bytes_contents" : "fp32_contents";
            if (InferContents.Lists(contents).FirstOrDefault(other => other != list) is { } wrong)
            {
                problems.Add($"{Field}.contents.{wrong}: is not what {request.Inputs[0].Datatype} has; {list} is");
            }

            return count is not int given ? []
                : files ? TypedImages.Files(contents.BytesContents, given, fields.Typed(list), problems)
                : TypedImages.Tensors(contents.Fp32Contents, given, input.Length, fields.Typed(list), problems);
        }

        if (InferContents.Lists(contents).Any())
        {
            problems.Add($"{Field}.contents, {RawField}: only one of them may be given");
        }

        if (request.RawInputContents.Count > 1)
        {
            problems.Add($"{RawField}: there are {request.RawInputContents.Count}; each of the inputs, 1, has one");
        }

        ReadOnlyMemory<byte> raw = request.RawInputContents[0].Memory;
        return count is not int n ? []
            : files ? RawImages.Files(raw, n, fields.Raw, problems)
            : RawImages.Tensors(raw, n, input.Length, fields.Raw, problems);
    }

    private static int? CountOf(InferInputTensor tensor, bool files, InputSpec input, int maxBatch, List<string> problems)
    {
        Google.Protobuf.Collections.RepeatedField<long> shape = tensor.Shape;
        bool good = files
            ? shape.Count == 1 || (shape.Count == 2 && shape[1] == 1)
            : shape.Count == 4 && shape[1] == 3 && shape[2] == input.Height && shape[3] == input.Width;
        if (!good)
        {
            string given = string.Join(", ", shape.Take(5)) + (shape.Count > 5 ? ", …" : string.Empty);
            string takes = files ? "neither [n] nor [n, 1]" : $"not [n, 3, {input.Height}, {input.Width}]";
            problems.Add($"{Field}.shape: [{given}] is {takes}");
            return null;
        }

        if (shape[0] < 1 || shape[0] > maxBatch)
        {
            problems.Add($"{Field}.shape: {shape[0]} images are outside 1 to {maxBatch}, the limit of a batch");
            return null;
        }

        return (int)shape[0];
    }
}

/// <summary>Names of the Open Inference Protocol's types, of those that are used.</summary>
internal static class InferTypes
{
    public const string Bytes = "BYTES";
    public const string Fp32 = "FP32";
    public const string Fp64 = "FP64";
    public const string Int64 = "INT64";
}

/// <summary>The typed contents of a tensor.</summary>
internal static class InferContents
{
    /// <summary>Names of the lists that have elements.</summary>
    public static IEnumerable<string> Lists(InferTensorContents contents)
    {
        (string Name, int Count)[] lists =
        [
            ("bool_contents", contents.BoolContents.Count),
            ("int_contents", contents.IntContents.Count),
            ("int64_contents", contents.Int64Contents.Count),
            ("uint_contents", contents.UintContents.Count),
            ("uint64_contents", contents.Uint64Contents.Count),
            ("fp32_contents", contents.Fp32Contents.Count),
            ("fp64_contents", contents.Fp64Contents.Count),
            ("bytes_contents", contents.BytesContents.Count),
        ];
        return lists.Where(list => list.Count > 0).Select(list => list.Name);
    }
}
