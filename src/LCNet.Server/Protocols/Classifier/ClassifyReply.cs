using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Server.Models;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Writes what an image gave and cost as a reply.</summary>
internal static class ClassifyReply
{
    /// <summary>Makes the reply. Nothing of the result is kept.</summary>
    /// <param name="request">Checked.</param>
    /// <param name="waited">Before the engine had the image.</param>
    public static ClassifyResponse From(ClassifyRequest request, ServedModel model, int topK, TimeSpan waited, InferenceResult result)
    {
        var reply = new ClassifyResponse
        {
            Id = request.Id,
            Model = model.ModelName,
            Version = model.Version,
            Compute = Cost(model.Engine, waited, result, request.IncludePlan),
        };
        foreach ((int index, float probability) in Predictions.Top(result.Logits, topK))
        {
            reply.Predictions.Add(new Prediction { Label = model.Labels[index], Index = index, Probability = probability });
        }

        return reply;
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
                ChannelsRetained = plan.Kept(block).Length,
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
        cost.Channels.Capacity = plan.Kept(block).Length;
        foreach (long channel in plan.Kept(block))
        {
            cost.Channels.Add((int)channel);
        }
    }
}
