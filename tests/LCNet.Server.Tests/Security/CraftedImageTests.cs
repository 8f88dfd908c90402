using Grpc.Core;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>A client whose images are chosen to cost as much as images can, beside one whose images are cheap. Both come from one address, with keys of their own.</summary>
public sealed class CraftedImageTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Candidates = 64;
    private const int Calls = 8;
    private const int Replies = 80;
    private readonly TemporaryFolder _folder = new();
    private readonly SecurityFiles _files = new();
    private TestServer _server = null!;
    private Somebody _attacker = null!;
    private Somebody _victim = null!;

    public async ValueTask InitializeAsync()
    {
        (string attacker, string victim) = (SecurityFiles.NewKey(), SecurityFiles.NewKey());
        _files.WriteKeys(SecurityFiles.Entry("attacker", attacker), SecurityFiles.Entry("victim", victim));
        TestBundle.Write(_folder.FullName, ServerFixture.Model, 1, seed: 5, side: 128);
        _server = await TestServer.StartAsync(_folder.FullName, [.. _files.KeySettings, "Workers=1", "MaxQueue=24"]);
        (_attacker, _victim) = (new Somebody(_server, attacker), new Somebody(_server, victim));
    }

    public async ValueTask DisposeAsync()
    {
        _attacker.Dispose();
        _victim.Dispose();
        await _server.DisposeAsync();
        _files.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Classify_BesideImagesThatRunEverything_GetsItsShareAndIsNeverRefused()
    {
        (int cheap, int dear, double ratio) = await ExtremesAsync();
        using var enough = new CancellationTokenSource();

        // The attacker's calls fill the queue by themselves.
        Task<long> attack = Task.Run(() => LoopAsync(_attacker, dear, 4 * Calls, int.MaxValue, enough.Token));
        long mine = await LoopAsync(_victim, cheap, Calls, Replies, enough.Token);
        await enough.CancelAsync();
        long theirs = await attack;

        double share = theirs / (double)(mine + theirs);
        output.WriteLine($"The attacker's images cost {ratio:F2} times the victim's; its share of the FLOPs was {share:P1}.");

        // First come, first served would give it the share of what it asks for: four times the calls, each that much dearer. That turns go by FLOPs to the
        // last percent is for the queue's own tests, which have no machine in them.
        double asked = 4 * ratio / ((4 * ratio) + 1);
        Assert.InRange(share, 0.2, asked - 0.15);
    }

    private async Task<(int Cheap, int Dear, double Ratio)> ExtremesAsync()
    {
        long[] costs = new long[Candidates];
        for (int seed = 0; seed < Candidates; seed++)
        {
            costs[seed] = (await _victim.ClassifyAsync(seed)).Compute.PlannedFlops;
        }

        return (Array.IndexOf(costs, costs.Min()), Array.IndexOf(costs, costs.Max()), costs.Max() / (double)costs.Min());
    }

    // Keeps so many calls under way until there are so many replies, and adds up what those cost. Only the attacker may be refused.
    private async Task<long> LoopAsync(Somebody who, int image, int calls, int replies, CancellationToken enough)
    {
        long flops = 0;
        int done = 0;
        await Task.WhenAll(Enumerable.Range(0, calls).Select(async _ =>
        {
            while (Volatile.Read(ref done) < replies && !enough.IsCancellationRequested)
            {
                try
                {
                    ClassifyResponse reply = await who.ClassifyAsync(image);
                    if (!enough.IsCancellationRequested)
                    {
                        Interlocked.Add(ref flops, reply.Compute.PlannedFlops);
                        Interlocked.Increment(ref done);
                    }
                }
                catch (RpcException exception) when (exception.StatusCode == StatusCode.ResourceExhausted && who == _attacker)
                {
                    await Task.Yield();
                }
            }
        }));
        return flops;
    }
}
