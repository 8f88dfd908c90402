using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>The alert on a drift of the traffic, in a real Prometheus with the repository's rules, on the shipped bundle and photographs that training held back.</summary>
public sealed class DriftAlertTests
{
    private const int ShiftedImages = 400;
    private const double Effort = 0.5;
    private const string Firing = "ALERTS{alertname=\"LcnetAgreementDrifted\", alertstate=\"firing\"}";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Alert_PhotographsInNoise_FiresWithin400ImagesAndNotIn4000OfBefore()
    {
        Tool.Require("prometheus");
        using RunningServer server = await RunningServer.StartAsync(RepositoryFiles.Of("models"), new Dictionary<string, string>(), "--LCNet:ShadowRate=1", "--LCNet:Workers=8");
        using var prometheus = new PrometheusServer(server.HttpAddress);
        Bundle bundle = Bundle.Open(Directory.GetDirectories(Directory.GetDirectories(RepositoryFiles.Of("models")).Single()).Single());
        Tensor[] photographs = [.. Directory.GetFiles(RepositoryFiles.Of("tests", "data", "cifar10"), "*.jpg", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => Read(file, bundle.Manifest.Input))];
        var random = new Random(1);

        await SendAsync(server, 10 * ShiftedImages, () => photographs[random.Next(photographs.Length)]);
        double before = await ScrapedAsync(prometheus, server);
        Assert.InRange(before, 0, 11.5);
        Assert.Empty(await prometheus.QueryAsync(Firing));

        await SendAsync(server, ShiftedImages, () => InNoise(photographs[random.Next(photographs.Length)], random));
        IReadOnlyList<double> firing = await Eventually.GetAsync(() => prometheus.QueryAsync(Firing), found => found.Count > 0);

        Assert.Single(firing);
        TestContext.Current.TestOutputHelper?.WriteLine($"drift {before:F1} before, {await ScrapedAsync(prometheus, server):F1} after");
    }

    // Two at a time, which leaves most workers idle.
    private static async Task SendAsync(RunningServer server, int images, Func<Tensor> next)
    {
        var choice = new Lock();
        await Parallel.ForAsync(0, images, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = Token }, async (_, _) =>
        {
            Tensor image;
            lock (choice)
            {
                image = next();
            }

            await server.ClassifyAsync(new ClassifyRequest { Tensor = image, Effort = Effort });
        });
    }

    // The drift as the server has it now, once Prometheus has it too.
    private static async Task<double> ScrapedAsync(PrometheusServer prometheus, RunningServer server)
    {
        double drift = (await Exposition.GetAsync(server.Http)).Sum("lcnet_agreement_drift");
        IReadOnlyList<double> scraped = await Eventually.GetAsync(() => prometheus.QueryAsync("lcnet_agreement_drift"), found => found.Count == 1 && found[0] == drift);
        return Assert.Single(scraped);
    }

    private static Tensor Read(string file, InputSpec input)
    {
        byte[] pixels = new byte[input.Length];
        ImageDecoder.Decode(File.ReadAllBytes(file), input.Width, input.Height, ImageLimits.Default, pixels);
        float[] values = new float[input.Length];
        Pixels.Normalise(pixels, input.Mean, input.Std, values);
        return new Tensor { Shape = { 3, input.Height, input.Width }, Values = { values } };
    }

    // Of a camera in the dark: half of a standard deviation of the pixels, at random.
    private static Tensor InNoise(Tensor image, Random random)
    {
        var noisy = new Tensor { Shape = { image.Shape } };
        foreach (float value in image.Values)
        {
            // Box and Muller's.
            noisy.Values.Add(value + (float)(0.5 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())));
        }

        return noisy;
    }
}
