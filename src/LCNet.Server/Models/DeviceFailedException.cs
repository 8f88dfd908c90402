namespace LCNet.Server;

/// <summary>The device failed while an image ran: native code, the device itself, or memory. The image has no answer; another server may have one.</summary>
internal sealed class DeviceFailedException(Exception cause) : Exception(Text, cause)
{
    /// <summary>What its caller is told.</summary>
    public const string Text = "the device failed while the image ran; another server may answer";
}
