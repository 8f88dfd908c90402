namespace LCNet.Server;

/// <summary>Names of the Open Inference Protocol's types, of those that are used.</summary>
internal static class InferTypes
{
    public const string Bytes = "BYTES";
    public const string Fp32 = "FP32";
    public const string Fp64 = "FP64";
    public const string Int64 = "INT64";
}
