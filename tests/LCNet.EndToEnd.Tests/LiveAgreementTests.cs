using System.Globalization;
using System.Text.RegularExpressions;
using LCNet.Bundles;

namespace LCNet.EndToEnd.Tests;

/// <summary>
/// What shadow runs find of the shipped bundle on its validation images, next to what the calibration table says of the same images. They need the training images, which are not in the repository: set LCNET_CIFAR10 to the folder with one sub-folder a class.
/// </summary>
public sealed partial class LiveAgreementTests
{
    private const int Runs = 20;
    private static readonly string? Data = Environment.GetEnvironmentVariable("LCNET_CIFAR10");
    private static readonly double[] Efforts = [0.5, 0.7, 1];

    // How many images of each run are answered at each effort.
    private static readonly int Images = int.Parse(Environment.GetEnvironmentVariable("LCNET_TEST_AGREEMENT") ?? "120", CultureInfo.InvariantCulture);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_ValidationImagesInRandomOrder_AgreeWithTheTableAsOftenAsTheirIntervalsSay()
    {
        Assert.SkipWhen(string.IsNullOrEmpty(Data), "LCNET_CIFAR10 is not set: the CIFAR-10 training images are not in the repository.");
        string[] files = await ListAsync();
        await using var server = new ServerProcess("ShadowRate=1", "Workers=8");
        await server.InitializeAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.HttpPort}") };
        IReadOnlyList<CalibrationPoint> table = Bundle.Open(Repository.Bundle).Manifest.Calibration;
        var misses = new List<string>();
        var totals = Efforts.ToDictionary(effort => effort, _ => (Images: 0L, Agreements: 0L));
        for (int seed = 1; seed <= Runs; seed++)
        {
            Counts before = Counts.Read(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), Token));
            string[] order = [.. files];
            new Random(seed).Shuffle(order);

            // One at a time, which leaves most workers idle.
            for (int i = 0; i < Efforts.Length * Images; i++)
            {
                await server.ClassifyAsync(order[i], request => request.Effort = Efforts[i % Efforts.Length]);
            }

            Counts found = await SinceAsync(http, before);
            foreach (double effort in Efforts)
            {
                (long images, long agreements) = (found.Images[effort], found.Agreements[effort]);
                Assert.True(images > Images / 4, $"{images} of {Images} images were compared at effort {effort}.");
                totals[effort] = (totals[effort].Images + images, totals[effort].Agreements + agreements);
                double expected = table.Single(point => point.Effort == effort).Agreement!.Value;
                if (!IsAccepted(images, agreements, expected))
                {
                    misses.Add(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, effort {effort}: {agreements} of {images}, by the table {expected:P2}"));
                }
            }
        }

        foreach ((double effort, (long images, long agreements)) in totals)
        {
            // All runs together, within four standard errors.
            double expected = table.Single(point => point.Effort == effort).Agreement!.Value;
            string found = string.Create(CultureInfo.InvariantCulture, $"effort {effort}: {agreements} of {images}, by the table {expected:P2}");
            TestContext.Current.SendDiagnosticMessage(found);
            Assert.True(Math.Abs(((double)agreements / images) - expected) <= 4 * Math.Sqrt(expected * (1 - expected) / images), found);
        }

        // Of 60 intervals that hold 19 times in 20, as many or more miss once in a thousand such tests.
        TestContext.Current.SendDiagnosticMessage($"{misses.Count} of {Runs * Efforts.Length} intervals miss: {string.Join("; ", misses)}");
        Assert.InRange(misses.Count, 0, 9);
    }

    // Whether a share lies in the 95 % interval of what was counted: by the score test, of which the interval is the inverse.
    private static bool IsAccepted(long images, long agreements, double share) =>
        Math.Abs(((double)agreements / images) - share) <= 1.959964 * Math.Sqrt(share * (1 - share) / images);

    private static async Task<Counts> SinceAsync(HttpClient http, Counts before)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        while (true)
        {
            Counts now = Counts.Read(await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), limit.Token)) - before;
            if (now.Total == Efforts.Length * Images)
            {
                return now;
            }

            await Task.Delay(50, limit.Token);
        }
    }

    private static async Task<string[]> ListAsync()
    {
        string list = Path.GetTempFileName();
        try
        {
            (int exitCode, _, string error) = await Repository.LcnetAsync("evaluate", Repository.Bundle, Data!, "--list", list);
            Assert.True(exitCode == 0, error);
            return await File.ReadAllLinesAsync(list, Token);
        }
        finally
        {
            File.Delete(list);
        }
    }

    private sealed partial record Counts(Dictionary<double, long> Images, Dictionary<double, long> Agreements, long Total)
    {
        public static Counts operator -(Counts now, Counts before) => new(
            Efforts.ToDictionary(effort => effort, effort => now.Images[effort] - before.Images[effort]),
            Efforts.ToDictionary(effort => effort, effort => now.Agreements[effort] - before.Agreements[effort]),
            now.Total - before.Total);

        public static Counts Read(string metrics)
        {
            MatchCollection samples = Sample().Matches(metrics);
            Dictionary<double, long> Of(string name) => Efforts.ToDictionary(
                effort => effort, effort => samples.Where(sample => sample.Groups["name"].Value == name && sample.Groups["effort"].Value == effort.ToString("0.0", CultureInfo.InvariantCulture)).Sum(Value));
            return new Counts(Of("images"), Of("agreements"), samples.Where(sample => sample.Groups["name"].Value is "images" or "drops").Sum(Value));
        }

        private static long Value(Match sample) => long.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture);

        [GeneratedRegex("^lcnet_shadow_(?<name>images|agreements|drops)_total\\{(?=[^}]*effort=\"(?<effort>[^\"]*)\"|)[^}]*\\} (?<value>\\d+)", RegexOptions.Multiline)]
        private static partial Regex Sample();
    }
}
