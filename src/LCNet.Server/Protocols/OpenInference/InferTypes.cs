using Inference;

namespace LCNet.Server.Protocols.OpenInference;

/// <summary>Names of the Open Inference Protocol's types, of those that are used.</summary>
internal static class InferTypes
{
    public const string Bytes = "BYTES";
    public const string Fp32 = "FP32";
    public const string Fp64 = "FP64";
    public const string Int64 = "INT64";
}

/// <summary>The typed contents of a tensor.</summary>
internal static class InferContents
{
    /// <summary>Names of the lists that have elements.</summary>
    public static IEnumerable<string> Lists(InferTensorContents contents)
    {
        (string Name, int Count)[] lists =
        [
            ("bool_contents", contents.BoolContents.Count),
            ("int_contents", contents.IntContents.Count),
            ("int64_contents", contents.Int64Contents.Count),
            ("uint_contents", contents.UintContents.Count),
            ("uint64_contents", contents.Uint64Contents.Count),
            ("fp32_contents", contents.Fp32Contents.Count),
            ("fp64_contents", contents.Fp64Contents.Count),
            ("bytes_contents", contents.BytesContents.Count),
        ];
        return lists.Where(list => list.Count > 0).Select(list => list.Name);
    }
}
