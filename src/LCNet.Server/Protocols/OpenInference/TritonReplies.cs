using Inference;
using LCNet.Bundles;
using LCNet.Server.Models;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Writes what Triton's tools ask for beside the Open Inference Protocol.</summary>
internal static class TritonReplies
{
    /// <summary>What a model takes and gives.</summary>
    /// <param name="maxBatch">Most images of a request.</param>
    public static ModelConfig Config(ServedModel model, int maxBatch)
    {
        InputSpec input = model.Input;
        var config = new ModelConfig
        {
            Name = model.ModelName,
            Platform = InferMetadata.Platform,
            Backend = "lcnet",
            MaxBatchSize = maxBatch,
            Input =
            {
                new ModelInput { Name = InferInputs.Image, DataType = DataType.TypeString, Dims = { 1 }, Optional = true },
                new ModelInput { Name = InferInputs.Tensor, DataType = DataType.TypeFp32, Format = ModelInput.Types.Format.Nchw, Dims = { 3, input.Height, input.Width }, Optional = true },
            },
            Output = { InferOutputs.All.Select(output => new ModelOutput { Name = output.Name, DataType = TypeOf(output.Datatype), Dims = { output.Shape(model, 1).Skip(1) } }) },
        };
        foreach ((string name, string value) in InferMetadata.Properties(model))
        {
            config.Parameters.Add(name, new ModelParameter { StringValue = value });
        }

        return config;
    }

    /// <summary>What a model has done since it was loaded.</summary>
    public static ModelStatistics Statistics(ServedModel model)
    {
        InferenceCounters counters = model.Counters;
        return new ModelStatistics
        {
            Name = model.ModelName,
            Version = model.Version,
            LastInference = (ulong)counters.LastInference,
            InferenceCount = (ulong)counters.Execute.Count,
            ExecutionCount = (ulong)counters.Execute.Count,
            InferenceStats = new InferStatistics
            {
                Success = Duration(counters.Succeeded),
                Fail = Duration(counters.Failed),
                Queue = Duration(counters.Queue),
                ComputeInput = Duration(counters.Decode),
                ComputeInfer = Duration(counters.Execute),
                ComputeOutput = new StatisticDuration { Count = (ulong)counters.Execute.Count },
            },
        };
    }

    private static StatisticDuration Duration(CountedTime time) => new() { Count = (ulong)time.Count, Ns = (ulong)time.Nanoseconds };

    private static DataType TypeOf(string datatype) => datatype switch
    {
        InferTypes.Bytes => DataType.TypeString,
        InferTypes.Fp32 => DataType.TypeFp32,
        InferTypes.Fp64 => DataType.TypeFp64,
        _ => DataType.TypeInt64,
    };
}
