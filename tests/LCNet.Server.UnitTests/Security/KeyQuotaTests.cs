using System.Security.Cryptography;
using System.Text;
using LCNet.Server.Security;
using LCNet.Server.Security.Keys;

namespace LCNet.Server.UnitTests;

/// <summary>Keys and their limits by a clock that stands still.</summary>
public sealed class KeyQuotaTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly StoppedClock _clock = new();

    [Fact]
    public void Enter_ImagesOfASecond_AreLetInAndThenOneByOne()
    {
        KeyQuota quota = Key("\"imagesPerSecond\": 4").Quota;
        for (int i = 0; i < 4; i++)
        {
            Assert.Null(quota.Enter(1, 100));
        }

        AdmissionRefusal refusal = quota.Enter(1, 100)!;
        Assert.Equal(RefusalReason.KeyRate, refusal.Reason);
        Assert.InRange(refusal.RetryAfter, Second / 4, Second * 3 / 8);
        Assert.Equal(RefusalReason.KeyRate, quota.CheckAny()?.Reason);

        _clock.Now += Second / 4;
        Assert.Null(quota.CheckAny());
        Assert.Null(quota.Enter(1, 100));
        Assert.NotNull(quota.Enter(1, 100));
    }

    [Fact]
    public void Enter_AnHourLater_HasNoMoreThanASecondsWorth()
    {
        KeyQuota quota = Key("\"imagesPerSecond\": 2").Quota;
        _clock.Now += TimeSpan.FromHours(1);

        Assert.Equal(2, Enumerable.Range(0, 10).Count(_ => quota.Enter(1, 100) is null));
    }

    [Fact]
    public void Leave_ImagesThatCostMoreThanPlanned_AreChargedInFull()
    {
        KeyQuota quota = Key("\"flopsPerSecond\": 1000").Quota;
        Assert.Null(quota.Enter(1, 400));
        quota.Leave(1, planned: 400, needed: 3000);

        // 2,000 in debt, so 400 are there again after 2.4 s.
        _clock.Now += Second * 2.3;
        Assert.Equal(RefusalReason.KeyFlops, quota.Enter(1, 400)?.Reason);
        _clock.Now += Second * 0.11;
        Assert.Null(quota.Enter(1, 400));
    }

    [Fact]
    public void Leave_ImagesThatNeverRan_CostNoFlops()
    {
        KeyQuota quota = Key("\"flopsPerSecond\": 1000").Quota;
        for (int i = 0; i < 100; i++)
        {
            Assert.Null(quota.Enter(1, 900));
            quota.Leave(1, planned: 900, needed: 0);
        }
    }

    [Fact]
    public void Enter_AsManyAtATimeAsMayBe_IsRefusedUntilOneIsDone()
    {
        KeyQuota quota = Key("\"concurrentImages\": 3").Quota;
        Assert.Null(quota.Enter(2, 10));
        Assert.Equal((RefusalReason.KeyConcurrency, 3), (quota.Enter(2, 10)!.Reason, quota.Enter(2, 10)!.Limit));
        Assert.Null(quota.Enter(1, 10));
        Assert.Equal(RefusalReason.KeyConcurrency, quota.CheckAny()?.Reason);

        quota.Leave(2, 10, 10);
        Assert.Null(quota.CheckAny());

        // A batch larger than the limit comes alone.
        Assert.NotNull(quota.Enter(5, 10));
        quota.Leave(1, 10, 10);
        Assert.Null(quota.Enter(5, 10));
    }

    [Fact]
    public void Parse_KeyThatStays_GoesOnWithWhatItHasUsed()
    {
        KeyRing before = Ring("\"imagesPerSecond\": 1");
        ApiKey key = before.Find("secret")!;
        Assert.Null(key.Quota.Enter(1, 1));

        KeyRing after = KeyRing.Parse(Json("\"imagesPerSecond\": 1"), before, _clock);

        Assert.Same(key, after.Find("secret"));
        Assert.False(key.IsRevoked);
        Assert.NotNull(key.Quota.Enter(1, 1));
    }

    [Fact]
    public void Parse_KeyThatIsGone_IsRevoked()
    {
        KeyRing before = Ring(string.Empty);
        ApiKey key = before.Find("secret")!;

        KeyRing after = KeyRing.Parse(Json(string.Empty, secret: "other"), before, _clock);

        Assert.True(key.IsRevoked);
        Assert.Null(after.Find("secret"));
        Assert.NotNull(after.Find("other"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("secre")]
    [InlineData("secret ")]
    [InlineData("Secret")]
    public void Find_NotQuiteTheKey_IsNone(string sent) => Assert.Null(Ring(string.Empty).Find(sent));

    [Theory]
    [InlineData("", "line 1")]
    [InlineData("[]", "line 1")]
    [InlineData("{\"keys\": []}", "there are 0 keys")]
    [InlineData("{\"keys\": [{\"name\": \"a\"}]}", "line 1")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": null}]}", "line 1")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": \"HASH\", \"admin\": true}]}", "line 1")]
    [InlineData("{\"keys\": [{\"name\": \"a b\", \"sha256\": \"HASH\"}]}", "keys[0]: name")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": \"HASH0\"}]}", "keys[0], a: sha256")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": \"HASH\", \"imagesPerSecond\": 0}]}", "imagesPerSecond is not")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": \"HASH\", \"flopsPerSecond\": -1}]}", "flopsPerSecond is not")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": \"HASH\", \"concurrentImages\": 0}]}", "concurrentImages is not")]
    [InlineData("{\"keys\": [{\"name\": \"a\", \"sha256\": \"HASH\"}, {\"name\": \"b\", \"sha256\": \"HASH\"}]}", "a and b have one sha256")]
    public void Parse_WrongFile_IsRefusedWithoutAWordOfWhatIsInIt(string json, string problem)
    {
        string hash = Hash("secret");

        SecurityFileException refusal = Assert.Throws<SecurityFileException>(
            () => KeyRing.Parse(Encoding.UTF8.GetBytes(json.Replace("HASH", hash, StringComparison.Ordinal)), null, _clock));

        Assert.Contains(problem, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(hash, refusal.Message, StringComparison.Ordinal);
    }

    private static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    private static byte[] Json(string limits, string secret = "secret") => Encoding.UTF8.GetBytes(
        $$"""{"keys": [{"name": "a", "sha256": "{{Hash(secret)}}"{{(limits.Length > 0 ? ", " + limits : string.Empty)}}}]}""");

    private KeyRing Ring(string limits) => KeyRing.Parse(Json(limits), null, _clock);

    private ApiKey Key(string limits) => Ring(limits).Find("secret")!;

    private sealed class StoppedClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
