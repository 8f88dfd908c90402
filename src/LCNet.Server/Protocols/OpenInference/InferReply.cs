using Inference;
using LCNet.Server.Models;
using static Inference.ModelInferResponse.Types;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Writes what a batch gave and cost as a reply.</summary>
internal static class InferReply
{
    /// <summary>Name of the parameter that says where the batch ran.</summary>
    public const string Device = "device";

    /// <summary>The bill of the whole batch, as parameters of the reply.</summary>
    public static (string Name, long Flops)[] Bill(InferRows rows) =>
    [
        ("dense_flops", rows.DenseFlops * rows.Count),
        ("planned_flops", rows.PlannedFlops.Sum()),
        ("executed_flops", rows.ExecutedFlops.Sum()),
        ("gate_flops", rows.GateFlops * rows.Count),
    ];

    /// <summary>Makes the reply.</summary>
    public static ModelInferResponse From(string id, InferAnswer answer)
    {
        (ServedModel model, InferBatch batch, InferRows rows) = answer;
        var reply = new ModelInferResponse
        {
            ModelName = model.ModelName,
            ModelVersion = model.Version,
            Id = id,
            Parameters = { { Device, new InferParameter { StringParam = model.Engine.Device } } },
        };
        foreach ((string name, long flops) in Bill(rows))
        {
            reply.Parameters.Add(name, new InferParameter { Int64Param = flops });
        }

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
}
