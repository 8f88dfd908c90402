namespace LCNet.Runtime.Tests;

/// <summary>A request that only remembers what it is told.</summary>
internal sealed class TestTicket(string client, long flops, int images = 1, long bytes = 0, long expires = long.MaxValue, bool isElastic = false)
    : AdmissionTicket(client, images, flops, bytes, expires, isElastic)
{
    public AdmissionRefusal? Displaced { get; private set; }

    public int Expired { get; private set; }

    protected internal override void Displace(AdmissionRefusal refusal) => Displaced = refusal;

    protected internal override void Expire(int images) => Expired += images;
}
