namespace LCNet.Server;

/// <summary>A request's deadline came before its turn; the call's token says so a moment later.</summary>
internal sealed class DeadlineExpiredException() : OperationCanceledException(Text)
{
    /// <summary>What its caller is told.</summary>
    public const string Text = "the deadline expired before the image ran";
}
