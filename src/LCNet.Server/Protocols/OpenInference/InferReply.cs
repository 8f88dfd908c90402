using Inference;
using LCNet.Server.Models;
using static Inference.ModelInferResponse.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Writes what a batch gave and cost as a reply.</summary>
internal static class InferReply
{
    /// <summary>Makes the reply.</summary>
    public static ModelInferResponse From(string id, ServedModel model, InferBatch batch, InferRows rows)
    {
        var reply = new ModelInferResponse
        {
            ModelName = model.ModelName,
            ModelVersion = model.Version,
            Id = id,
            Parameters =
            {
                { "dense_flops", Whole(rows.DenseFlops * rows.Count) },
                { "planned_flops", Whole(rows.PlannedFlops.Sum()) },
                { "executed_flops", Whole(rows.ExecutedFlops.Sum()) },
                { "gate_flops", Whole(rows.GateFlops * rows.Count) },
                { "device", new InferParameter { StringParam = model.Engine.Device } },
            },
        };
        foreach (InferOutput output in batch.Outputs)
        {
            var tensor = new InferOutputTensor { Name = output.Name, Datatype = output.Datatype, Shape = { output.Shape(model, rows.Count) } };
            if (batch.Raw)
            {
                reply.RawOutputContents.Add(output.Raw(rows));
            }
            else
            {
                tensor.Contents = new InferTensorContents();
                output.Write(rows, tensor.Contents);
            }

            reply.Outputs.Add(tensor);
        }

        return reply;
    }

    private static InferParameter Whole(long value) => new() { Int64Param = value };
}
