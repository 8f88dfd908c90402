using LCNet.Server.Models;

namespace LCNet.Server.UnitTests;

/// <summary>A request that only remembers what it is told.</summary>
internal sealed class TestTicket(string client, long flops, int images = 1, long bytes = 0, long expires = long.MaxValue, bool isElastic = false)
    : AdmissionTicket(client, images, flops, bytes, expires, isElastic)
{
    public AdmissionRefusal? Displaced { get; private set; }

    public int Expired { get; private set; }

    public override long Run(int image, ModelWorker worker) => throw new NotSupportedException();

    public override void EndTurn() => throw new NotSupportedException();

    public override void Displace(AdmissionRefusal refusal) => Displaced = refusal;

    public override void Expire(int images) => Expired += images;
}
