namespace LCNet.Page.Tests;

/// <summary>Bytes whose number is not known before they are read, so that they travel in chunks.</summary>
internal sealed class UnsizedStream(byte[] bytes) : MemoryStream(bytes)
{
    public override bool CanSeek => false;
}
