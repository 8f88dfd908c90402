using Google.Protobuf.Collections;
using LCNet.Server.Errors;
using LCNet.Server.Models;
using static Inference.ModelInferRequest.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>The outputs that every model has. <c>docs/protocols.md</c> describes them.</summary>
internal static class InferOutputs
{
    /// <summary>All of them, in the order in which they are returned where none is asked for.</summary>
    public static IReadOnlyList<InferOutput> All { get; } =
    [
        Fp32("probabilities", model => model.Labels.Count, rows => rows.Probabilities),
        Fp32("logits", model => model.Labels.Count, rows => rows.Logits),
        new LabelOutput(),
        Int64("index", null, rows => rows.Index),
        Int64("planned_flops", null, rows => rows.PlannedFlops),
        Int64("executed_flops", null, rows => rows.ExecutedFlops),
        new NumberOutput<double>("effort", InferTypes.Fp64, null, rows => rows.Effort, contents => contents.Fp64Contents),
        Int64("channels_retained", model => model.Engine.Bundle.Manifest.Blocks.Count, rows => rows.ChannelsRetained),
        Int64("queue_us", null, rows => rows.QueueUs),
        Int64("execute_us", null, rows => rows.ExecuteUs),
    ];

    /// <summary>The outputs that a request asks for.</summary>
    /// <param name="requested">As given; none for all.</param>
    /// <param name="labels">How many the model has.</param>
    /// <param name="problems">Takes a line a kind of breach.</param>
    public static IReadOnlyList<InferOutput> Choose(RepeatedField<InferRequestedOutputTensor> requested, int labels, List<string> problems)
    {
        if (requested.Count == 0)
        {
            return All;
        }

        if (requested.Count > All.Count)
        {
            problems.Add($"outputs: there are {requested.Count}; the model has {All.Count}");
            return [];
        }

        var chosen = new List<InferOutput>(requested.Count);
        foreach ((int i, InferRequestedOutputTensor output) in requested.Index())
        {
            InferParameters.CheckTensor(output.Parameters, $"outputs[{i}]", problems, InferParameters.Classification);
            InferOutput? found = All.FirstOrDefault(candidate => candidate.Name == output.Name);
            if (found is null)
            {
                problems.Add($"outputs[{i}].name: there is no output {ServerError.Quote(output.Name)}; ModelMetadata names them");
            }
            else if (chosen.Any(other => other.Name == found.Name))
            {
                problems.Add($"outputs[{i}].name: {found.Name} was asked for before");
            }
            else
            {
                chosen.Add(InferParameters.ReadClassification(output.Parameters, $"outputs[{i}]", problems) is int count ? Classes(found, Math.Min(count, labels), $"outputs[{i}]", problems) : found);
            }
        }

        return chosen;
    }

    private static InferOutput Classes(InferOutput output, int count, string field, List<string> problems)
    {
        if (output is NumberOutput<float> scores)
        {
            return new ClassificationOutput(scores, count);
        }

        problems.Add($"{field}.parameters.{InferParameters.Classification}: {output.Name} has no score of each label, as probabilities and logits have");
        return output;
    }

    private static NumberOutput<float> Fp32(string name, Func<ServedModel, int>? width, Func<InferRows, float[]> values) =>
        new(name, InferTypes.Fp32, width, values, contents => contents.Fp32Contents);

    private static NumberOutput<long> Int64(string name, Func<ServedModel, int>? width, Func<InferRows, long[]> values) =>
        new(name, InferTypes.Int64, width, values, contents => contents.Int64Contents);
}
