using System.Globalization;
using Google.Protobuf.Collections;
using Inference;
using LCNet.Server.Errors;
using LCNet.Server.Inference;
using LCNet.Server.Models;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Reads the parameters of requests and tensors.</summary>
internal static class InferParameters
{
    /// <summary>Name of the parameter by which Triton's clients ask for classes instead of scores.</summary>
    public const string Classification = "classification";

    private const string Effort = "effort";
    private const string MaxFlops = "max_flops";

    // What clients of KServe and Triton put on tensors, and what changes nothing here: how a tensor is written is seen from the request itself.
    private static readonly string[] IdleOfTensors = ["binary_data", "binary_data_size", "content_type"];

    // The same of requests.
    private static readonly string[] Idle = ["binary_data_output", "content_type", "triton_enable_empty_final_response"];

    // What those clients may say, and what changes nothing as long as it says nothing: no sequence, the usual priority, no limit of time.
    private static readonly string[] IdleWhereZero = ["sequence_id", "sequence_start", "sequence_end", "priority", "timeout"];

    /// <summary>Reads the parameters of a request.</summary>
    /// <param name="parameters">As given.</param>
    /// <param name="defaultEffort">For requests with neither effort nor cap.</param>
    /// <param name="problems">Takes a line a breach.</param>
    public static ComputeBudget Read(MapField<string, InferParameter> parameters, ServedModel model, double defaultEffort, List<string> problems)
    {
        double? effort = null;
        long? maxFlops = null;
        if (parameters.TryGetValue(Effort, out InferParameter? given) && (effort = Number(given)) is null)
        {
            problems.Add($"parameters.{Effort}: is not a number; it takes a double in (0, 1]");
        }

        if (parameters.TryGetValue(MaxFlops, out given) && (maxFlops = Whole(given)) is null)
        {
            problems.Add($"parameters.{MaxFlops}: is not a whole number of 64 bits");
        }

        foreach ((string name, InferParameter parameter) in parameters)
        {
            if (name is Effort or MaxFlops || Idle.Contains(name) || (IdleWhereZero.Contains(name) && IsZero(parameter)))
            {
                continue;
            }

            problems.Add($"parameters: there is no parameter {ServerError.Quote(name)}; {Effort} and {MaxFlops} are taken");
            break;
        }

        return ComputeBudget.Check(effort, maxFlops, model, defaultEffort, prefix: "parameters.", problems);
    }

    /// <summary>Checks the parameters of a tensor.</summary>
    /// <param name="taken">Names of those that are taken.</param>
    public static void CheckTensor(MapField<string, InferParameter> parameters, string field, List<string> problems, params string[] taken)
    {
        if (parameters.Keys.FirstOrDefault(name => !IdleOfTensors.Contains(name) && !taken.Contains(name)) is { } other)
        {
            problems.Add($"{field}.parameters: there is no parameter {ServerError.Quote(other)}; {(taken.Length == 0 ? "none is" : $"{string.Join(", ", taken)} is")} taken");
        }
    }

    /// <summary>Reads how many of the highest scores an output is to have, as classes; null where that is not asked for.</summary>
    /// <returns>At least 1; 1 where the number is wrong, of which there is a problem then.</returns>
    public static int? ReadClassification(MapField<string, InferParameter> parameters, string field, List<string> problems)
    {
        if (!parameters.TryGetValue(Classification, out InferParameter? given))
        {
            return null;
        }

        if (Whole(given) is long count and > 0)
        {
            return (int)Math.Min(count, int.MaxValue);
        }

        problems.Add($"{field}.parameters.{Classification}: is not a number of classes, at least 1");
        return 1;
    }

    private static bool IsZero(InferParameter parameter) => parameter.ParameterChoiceCase switch
    {
        InferParameter.ParameterChoiceOneofCase.BoolParam => !parameter.BoolParam,
        InferParameter.ParameterChoiceOneofCase.StringParam => parameter.StringParam.Length == 0,
        _ => Number(parameter) == 0,
    };

    // As text too: some clients have no parameters of type double.
    private static double? Number(InferParameter parameter) => parameter.ParameterChoiceCase switch
    {
        InferParameter.ParameterChoiceOneofCase.DoubleParam => parameter.DoubleParam,
        InferParameter.ParameterChoiceOneofCase.Int64Param => parameter.Int64Param,
        InferParameter.ParameterChoiceOneofCase.Uint64Param => parameter.Uint64Param,
        InferParameter.ParameterChoiceOneofCase.StringParam
            when double.TryParse(parameter.StringParam, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
        _ => null,
    };

    private static long? Whole(InferParameter parameter) => parameter.ParameterChoiceCase switch
    {
        InferParameter.ParameterChoiceOneofCase.Int64Param => parameter.Int64Param,
        InferParameter.ParameterChoiceOneofCase.Uint64Param when parameter.Uint64Param <= long.MaxValue => (long)parameter.Uint64Param,
        InferParameter.ParameterChoiceOneofCase.StringParam
            when long.TryParse(parameter.StringParam, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) => number,
        _ => null,
    };
}
