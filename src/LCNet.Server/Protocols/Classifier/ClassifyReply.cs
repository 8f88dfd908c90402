using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Server.Inference;
using LCNet.Server.Models;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Writes what an image gave and cost as a reply.</summary>
internal static class ClassifyReply
{
    /// <summary>Makes the reply. Nothing of the outcome is kept.</summary>
    /// <param name="request">Checked.</param>
    public static ClassifyResponse From(ClassifyRequest request, ServedModel model, int topK, ImageOutcome outcome)
    {
        var reply = new ClassifyResponse
        {
            Id = request.Id,
            Model = model.ModelName,
            Version = model.Version,
            Compute = Cost(model.Engine, outcome.Waited, outcome.Result, request.IncludePlan),
        };
        foreach ((int index, float probability) in Predictions.Top(outcome.Result.Logits, topK))
        {
            reply.Predictions.Add(Name(model, index, probability));
        }

        if (outcome.Whole is { } whole)
        {
            reply.Verification = Verify(model, whole, reply.Predictions[0].Index);
        }

        return reply;
    }

    private static Prediction Name(ServedModel model, int index, float probability) => new() { Label = model.Labels[index], Index = index, Probability = probability };

    private static Verification Verify(ServedModel model, InferenceResult whole, int answered)
    {
        (int index, float probability) = Predictions.Top(whole.Logits, 1)[0];
        return new Verification
        {
            Prediction = Name(model, index, probability),
            Agrees = index == answered,
            PlannedFlops = whole.Plan.Flops,
            ExecutedFlops = whole.ExecutedFlops,
            ExecuteUs = (long)whole.ExecuteTime.TotalMicroseconds,
        };
    }

    private static Compute Cost(InferenceEngine engine, TimeSpan waited, InferenceResult result, bool includesPlan)
    {
        ImagePlan plan = result.Plan;
        var compute = new Compute
        {
            DenseFlops = engine.Bundle.Flops.Dense,
            PlannedFlops = plan.Flops,
            ExecutedFlops = result.ExecutedFlops,
            GateFlops = engine.Bundle.Flops.Gates,
            Effort = result.Effort,
            QueueUs = (long)(waited + result.QueueTime).TotalMicroseconds,
            ExecuteUs = (long)result.ExecuteTime.TotalMicroseconds,
            BatchSize = result.BatchSize,
            Device = engine.Device,
        };
        compute.Blocks.Capacity = plan.Blocks;
        for (int block = 0; block < plan.Blocks; block++)
        {
            var cost = new BlockCompute
            {
                Executed = plan.Runs(block),
                ChannelsRetained = plan.KeptCount(block),
                ChannelsTotal = engine.Bundle.Manifest.Blocks[block].Channels,
            };
            if (includesPlan && cost.Executed)
            {
                Describe(plan, block, cost);
            }

            compute.Blocks.Add(cost);
        }

        return compute;
    }

    private static void Describe(ImagePlan plan, int block, BlockCompute cost)
    {
        cost.Scale = plan.LayerScale(block);
        cost.Channels.Capacity = plan.KeptCount(block);
        foreach (long channel in plan.Kept(block))
        {
            cost.Channels.Add((int)channel);
        }
    }
}
