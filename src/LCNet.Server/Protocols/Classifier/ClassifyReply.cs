using LCNet.Bundles;
using LCNet.Runtime.Engine;
using LCNet.Server.Models;
using LCNet.V1;

namespace LCNet.Server.Protocols.Classifier;

/// <summary>Writes what an image gave and cost as a reply.</summary>
internal static class ClassifyReply
{
    /// <summary>Makes the reply. Nothing of the result is kept.</summary>
    /// <param name="waited">Before the engine had the image.</param>
    public static ClassifyResponse From(string id, ServedModel model, int topK, TimeSpan waited, InferenceResult result)
    {
        var reply = new ClassifyResponse
        {
            Id = id,
            Model = model.ModelName,
            Version = model.Version,
            Compute = Cost(model.Engine, waited, result),
        };
        foreach ((int index, float probability) in Predictions.Top(result.Logits, topK))
        {
            reply.Predictions.Add(new Prediction { Label = model.Labels[index], Index = index, Probability = probability });
        }

        return reply;
    }

    private static Compute Cost(InferenceEngine engine, TimeSpan waited, InferenceResult result)
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
            compute.Blocks.Add(new BlockCompute
            {
                Executed = plan.Runs(block),
                ChannelsRetained = plan.Kept(block).Length,
                ChannelsTotal = engine.Bundle.Manifest.Blocks[block].Channels,
            });
        }

        return compute;
    }
}
