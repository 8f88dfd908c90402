using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>A request was not let in. Nothing of it was run; trying again later may succeed.</summary>
internal sealed class AdmissionRefusedException(AdmissionRefusal refusal) : Exception(RefusalTexts.Of(refusal))
{
    /// <summary>Why, and when to try again.</summary>
    public AdmissionRefusal Refusal => refusal;
}
