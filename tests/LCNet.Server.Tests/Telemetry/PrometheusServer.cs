using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LCNet.Server.Tests;

/// <summary>A real Prometheus with the repository's configuration, but for the server's address and shorter intervals.</summary>
internal sealed partial class PrometheusServer : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _log = new();
    private readonly Process _process;
    private readonly HttpClient _http;

    public PrometheusServer(Uri scraped)
    {
        string shipped = File.ReadAllText(RepositoryFiles.Of("deploy", "prometheus", "prometheus.yml"));
        Assert.Matches(@"names: \[lcnet\]\s+type: A\s+port: 8000\s", shipped);
        string config = Discovery().Replace(shipped, $"static_configs:\n      - targets: [{scraped.Authority}]")
            .Replace("rules/*.yml", RepositoryFiles.Of("deploy", "prometheus", "rules", "*.yml"), StringComparison.Ordinal)
            .Replace("_interval: 5s", "_interval: 1s", StringComparison.Ordinal);
        string file = Path.Combine(_folder.FullName, "prometheus.yml");
        File.WriteAllText(file, config);
        int port = FreePort();
        _process = Tool.Start(
            "prometheus",
            $"--config.file={file}",
            $"--storage.tsdb.path={Path.Combine(_folder.FullName, "data")}",
            string.Create(CultureInfo.InvariantCulture, $"--web.listen-address=127.0.0.1:{port}"),
            "--log.level=warn");
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        _http = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}")) };
    }

    /// <summary>What it has logged.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>The values of a query now, those that are no number left out; none while it starts.</summary>
    public async Task<IReadOnlyList<double>> QueryAsync(string query)
    {
        JsonElement? data = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
        return data is null ? [] : [.. data.Value.GetProperty("result").EnumerateArray()
            .Select(sample => sample.GetProperty("value")[1].GetString()!).Where(value => value is not ("NaN" or "+Inf" or "-Inf"))
            .Select(value => double.Parse(value, CultureInfo.InvariantCulture))];
    }

    /// <summary>The rules, as its API describes them.</summary>
    public async Task<IReadOnlyList<JsonElement>> RulesAsync() =>
        await GetAsync("/api/v1/rules") is { } data
            ? [.. data.GetProperty("groups").EnumerateArray().SelectMany(group => group.GetProperty("rules").EnumerateArray())]
            : [];

    public void Dispose()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        _folder.Dispose();
    }

    [GeneratedRegex(@"dns_sd_configs:(\n {6,}.*)+")]
    private static partial Regex Discovery();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task<JsonElement?> GetAsync(string path)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                return null;
            }

            JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement;
            Assert.True(response.IsSuccessStatusCode, $"{Uri.UnescapeDataString(path)}: {answer}");
            return answer.GetProperty("data");
        }
        catch (HttpRequestException) when (!_process.HasExited)
        {
            return null;
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_log)
        {
            _log.AppendLine(line.Data);
        }
    }
}
