using Google.Protobuf.Collections;
using Grpc.Core;
using LCNet.Bundles;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>What must hold in a request to classify, except that its image can be decoded. Every breach is reported, not only the first.</summary>
internal static class ClassifyRules
{
    private const int DefaultTopK = 5;
    private const int MaxIdLength = 256;

    /// <summary>Checks a request.</summary>
    /// <param name="request">From a caller: anything may be in it.</param>
    /// <param name="defaultEffort">For requests with neither effort nor cap.</param>
    /// <exception cref="ServerError">INVALID_ARGUMENT; the message names every field in error and its limit.</exception>
    public static ClassifySettings Check(ClassifyRequest request, ServedModel model, double defaultEffort)
    {
        var problems = new List<string>();
        CheckId(request.Id, problems);
        CheckInput(request, model.Input, problems);
        int topK = request.HasTopK ? request.TopK : Math.Min(DefaultTopK, model.Labels.Count);
        if (topK < 1 || topK > model.Labels.Count)
        {
            problems.Add($"top_k: {topK} is outside 1 to {model.Labels.Count}, the number of labels");
        }

        double? effort = request.HasEffort ? request.Effort : null;
        long? maxFlops = request.HasMaxFlops ? request.MaxFlops : null;
        ComputeBudget budget = ComputeBudget.Check(effort, maxFlops, model, defaultEffort, prefix: string.Empty, problems);
        return problems.Count == 0 ? new ClassifySettings(budget, topK) : throw ServerError.InvalidArgument(string.Join("; ", problems));
    }

    /// <summary>The image of a checked request.</summary>
    public static ImageInput Input(ClassifyRequest request) => request.InputCase == ClassifyRequest.InputOneofCase.Tensor
        ? ImageInput.Tensor("tensor.values", request.Tensor.Values.Count * sizeof(float), input => request.Tensor.Values.CopyTo(input, 0))
        : ImageInput.File("encoded_image", request.EncodedImage.Memory);

    /// <summary>An id, cut to the length that one may have.</summary>
    public static string ShortId(string id) =>
        IsTooLong(id) ? string.Concat(id.EnumerateRunes().Take(MaxIdLength).Select(rune => rune.ToString())) : id;

    /// <summary>Checks the id of a request.</summary>
    /// <param name="id">As given.</param>
    /// <param name="problems">Takes a line where it is too long.</param>
    public static void CheckId(string id, List<string> problems)
    {
        if (IsTooLong(id))
        {
            problems.Add($"id: has more than {MaxIdLength} characters");
        }
    }

    // A character outside the basic plane takes two chars.
    private static bool IsTooLong(string id) => id.Length > MaxIdLength && id.EnumerateRunes().Count() > MaxIdLength;

    private static void CheckInput(ClassifyRequest request, InputSpec input, List<string> problems)
    {
        switch (request.InputCase)
        {
            case ClassifyRequest.InputOneofCase.EncodedImage:
                break;
            case ClassifyRequest.InputOneofCase.Tensor:
                CheckShape(request.Tensor.Shape, input, problems);
                CheckValues(request.Tensor.Values, input, problems);
                break;
            default:
                problems.Add("encoded_image, tensor: one of them must be given");
                break;
        }
    }

    private static void CheckShape(RepeatedField<long> shape, InputSpec input, List<string> problems)
    {
        int batch = shape.Count - 3;
        bool good = batch is 0 or 1
            && (batch == 0 || shape[0] == 1)
            && shape[batch] == 3
            && shape[batch + 1] == input.Height
            && shape[batch + 2] == input.Width;
        if (!good)
        {
            string given = string.Join(", ", shape.Take(4)) + (shape.Count > 4 ? ", …" : string.Empty);
            problems.Add($"tensor.shape: [{given}] is neither [3, {input.Height}, {input.Width}] nor [1, 3, {input.Height}, {input.Width}]");
        }
    }

    private static void CheckValues(RepeatedField<float> values, InputSpec input, List<string> problems)
    {
        if (values.Count != input.Length)
        {
            problems.Add($"tensor.values: there are {values.Count}; the model takes {input.Length}");
        }

        // A loop by index: the enumerator of a repeated field is an object.
        for (int i = 0; i < values.Count; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                problems.Add($"tensor.values: value {i} is {values[i]}; only finite ones are taken");
                return;
            }
        }
    }
}

/// <summary>What a request to classify asks for.</summary>
/// <param name="Budget">How much may be computed.</param>
/// <param name="TopK">How many predictions to return, 1 to the number of labels.</param>
internal readonly record struct ClassifySettings(ComputeBudget Budget, int TopK);
