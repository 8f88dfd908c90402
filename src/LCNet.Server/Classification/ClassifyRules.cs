using Google.Protobuf.Collections;
using Grpc.Core;
using LCNet.Bundles;
using LCNet.V1;

namespace LCNet.Server;

/// <summary>What must hold in a request to classify, except that its image can be decoded. Every breach is reported, not only the first.</summary>
internal static class ClassifyRules
{
    private const int DefaultTopK = 5;
    private const int MaxIdLength = 256;

    /// <summary>Checks a request.</summary>
    /// <param name="request">From a caller: anything may be in it.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="defaultEffort">For requests with neither effort nor cap.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT; the message names every field in error and its limit.</exception>
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

        CheckDial(request, model.Engine.Bundle.Flops.Minimum, problems);
        if (problems.Count > 0)
        {
            throw Refusals.InvalidArgument(string.Join("; ", problems));
        }

        return request.HasMaxFlops
            ? new ClassifySettings(model.Engine.Efforts.EffortFor(request.MaxFlops), request.MaxFlops, topK)
            : new ClassifySettings(request.HasEffort ? request.Effort : defaultEffort, Planner.NoCap, topK);
    }

    /// <summary>Checks what the network made of a request.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: the tensor's values are so large that the network overflows.</exception>
    /// <exception cref="ArithmeticException">It does so on an image, whose values are bounded: the model is at fault.</exception>
    public static void CheckOutput(ClassifyRequest request, ReadOnlySpan<float> logits)
    {
        foreach (float logit in logits)
        {
            if (!float.IsFinite(logit))
            {
                throw request.InputCase == ClassifyRequest.InputOneofCase.Tensor
                    ? Refusals.InvalidArgument($"tensor.values: are so large that the network's output is beyond float32, {float.MaxValue}")
                    : new ArithmeticException($"A logit is {logit}.");
            }
        }
    }

    private static void CheckId(string id, List<string> problems)
    {
        // A character outside the basic plane takes two chars.
        if (id.Length > MaxIdLength && id.EnumerateRunes().Count() > MaxIdLength)
        {
            problems.Add($"id: has more than {MaxIdLength} characters");
        }
    }

    private static void CheckDial(ClassifyRequest request, long minimum, List<string> problems)
    {
        if (request.HasEffort && request.HasMaxFlops)
        {
            problems.Add("effort, max_flops: only one of them may be given");
        }

        if (request.HasEffort && !(request.Effort > 0 && request.Effort <= 1))
        {
            problems.Add($"effort: {request.Effort} is outside (0, 1]");
        }

        if (request.HasMaxFlops && request.MaxFlops < minimum)
        {
            problems.Add($"max_flops: {request.MaxFlops} is below {minimum}, the cost of the model's cheapest path");
        }
    }

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
