using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LCNet.Bundles;
using LCNet.Runtime.Execution;

namespace LCNet.EndToEnd.Tests;

/// <summary>What a user may get wrong, or may have set on his machine.</summary>
public sealed class CommandLineTests(ServerProcess server)
{
    private static readonly string Horse = Path.Combine(Repository.Samples, "horse", "0014.jpg");
    private static readonly string Cat = Path.Combine(Repository.Samples, "cat", "0004.jpg");

    // ICU, which a language takes, is not on every machine.
    private static readonly Dictionary<string, string> German = new() { ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "0", ["LANG"] = "de_DE.UTF-8", ["LC_ALL"] = "de_DE.UTF-8" };

    [Theory]
    [InlineData("--effort: 'abc' is not a number like 0.5.", "classify", "x.jpg", "--bundle", ".", "--effort", "abc")]
    [InlineData("--effort: '0,5' is not a number like 0.5.", "classify", "x.jpg", "--bundle", ".", "--effort", "0,5")]
    [InlineData("--max-flops: '1.5' is not a whole number.", "classify", "x.jpg", "--bundle", ".", "--max-flops", "1.5")]
    [InlineData("--top-k: '1,000' is not a whole number.", "classify", "x.jpg", "--bundle", ".", "--top-k", "1,000")]
    [InlineData("--rate: '2,5' is not a number like 0.5.", "load", ".", "--rate", "2,5")]
    [InlineData("--rate: 'NaN' is not a number like 0.5.", "load", ".", "--rate", "NaN")]
    [InlineData("--learning-rate: '0,1' is not a number like 0.5.", "train", ".", "--name", "x", "--learning-rate", "0,1")]
    [InlineData("--epochs: '1e3' is not a whole number.", "train", ".", "--name", "x", "--epochs", "1e3")]
    [InlineData("--effort: '0.5;1' is not a number like 0.5.", "evaluate", ".", ".", "--effort", "1", "0.5;1")]
    [InlineData("--images: 'many' is not a whole number.", "bench", ".", "--images", "many")]
    [InlineData("Give one of --bundle and --server.", "classify", "x.jpg")]
    [InlineData("Give one of --bundle and --server.", "classify", "x.jpg", "--bundle", ".", "--server", "http://localhost:1")]
    [InlineData("Give at most one of --effort and --max-flops.", "classify", "x.jpg", "--bundle", ".", "--effort", "1", "--max-flops", "5")]
    [InlineData("'http//localhost' is not an address", "classify", "x.jpg", "--server", "http//localhost")]
    [InlineData("--bundel: there is no such option.", "classify", "x.jpg", "--bundel", ".")]
    [InlineData("'serve'", "serve")]
    [InlineData("nowhere", "inspect", "nowhere")]
    [InlineData("README.md: a network to import is", "inspect", "README.md")]
    [InlineData("head.onnx: GlobalAveragePool", "inspect", "models/cifar10-lcnet/1/head.onnx")]
    [InlineData("nowhere", "evaluate", "models/cifar10-lcnet/1", "nowhere")]
    [InlineData("neither a folder with a sub-folder a class nor a text file", "load", "tests/data/cifar10/cat/0004.jpg")]
    [InlineData("README.md: there is no file '", "load", "README.md")]
    [InlineData("Could not find file", "load", "nowhere.txt")]
    public async Task AnyCommand_MistakeOfTheUser_IsOneLine(string problem, params string[] arguments)
    {
        (int exitCode, string output, string error) = await Repository.LcnetAsync(arguments);

        Assert.Contains(problem, error, StringComparison.Ordinal);
        Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal((1, string.Empty), (exitCode, output));
    }

    [Theory]
    [InlineData("--bundle")]
    [InlineData("--server")]
    public async Task Classify_OneBadFileAmongSeveral_NamesItAndGoesOn(string where)
    {
        string target = where == "--bundle" ? Repository.Bundle : server.Address;
        (int exitCode, string output, string error) = await Repository.LcnetAsync("classify", Horse, "README.md", "nowhere.jpg", Cat, where, target);

        Assert.Equal(1, exitCode);
        Assert.Contains($"{Horse}: horse", output, StringComparison.Ordinal);
        Assert.Contains($"{Cat}: ", output, StringComparison.Ordinal);
        string[] problems = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, problems.Length);
        Assert.Matches("^README.md: .*the image is not a readable", problems[0]);
        Assert.StartsWith("nowhere.jpg: Could not find file", problems[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--effort", "0")]
    [InlineData("--effort", "1.5")]
    [InlineData("--max-flops", "5")]
    [InlineData("--top-k", "11")]
    public async Task Classify_ValueOutOfRange_IsOneLineHereAndOnTheServer(string option, string value)
    {
        foreach (string[] target in (string[][])[["--bundle", Repository.Bundle], ["--server", server.Address]])
        {
            (int exitCode, _, string error) = await Repository.LcnetAsync(["classify", Horse, Cat, option, value, .. target]);

            Assert.Equal(1, exitCode);
            Assert.Contains(option.Trim('-').Replace('-', '_'), error.Replace('-', '_'), StringComparison.Ordinal);
            Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
    }

    [Fact]
    public async Task Inspect_NetworkOfAnotherTool_SaysWhatWouldBeImported()
    {
        var bundle = Bundle.Open(Repository.Bundle);
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".onnx");
        await File.WriteAllBytesAsync(file, DenseGraph.Assemble(bundle), TestContext.Current.CancellationToken);
        (int exitCode, string output, string error) = await Repository.LcnetAsync("inspect", file);
        File.Delete(file);

        Assert.True(exitCode == 0, error);
        Assert.Contains("batch norm folded", output, StringComparison.Ordinal);
        Assert.Contains(bundle.Manifest.Provenance.Recipe["stages"], output, StringComparison.Ordinal);
        Assert.Contains("10 classes", output, StringComparison.Ordinal);
        Assert.Contains("3×32×32", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyCommand_OnAMachineOfAnotherLanguage_ReadsAndWritesTheSameNumbers()
    {
        (int probe, _, string problem) = await Repository.LcnetAsync(German, "inspect", Repository.Bundle);
        Assert.SkipWhen(probe != 0 && problem.Contains("ICU", StringComparison.Ordinal), "ICU is not at hand.");

        string[][] commands =
        [
            ["classify", Horse, "--bundle", Repository.Bundle, "--effort", "0.5"],
            ["inspect", Repository.Bundle],
            ["evaluate", Repository.Bundle, Repository.Samples, "--split", "all", "--effort", "0.5", "0.25"],
        ];
        foreach (string[] command in commands)
        {
            (int expectedCode, string expected, _) = await Repository.LcnetAsync(command);
            (int exitCode, string output, string error) = await Repository.LcnetAsync(German, command);
            Assert.True(exitCode == 0 && expectedCode == 0, error);
            Assert.Equal(WithoutTimes(expected), WithoutTimes(output));
            Assert.DoesNotMatch(@"\d,\d{3}", output);
        }

        (_, string classified, _) = await Repository.LcnetAsync(German, commands[0]);
        Assert.Matches(@"horse \d+\.\d %", classified);
        (int refused, _, string line) = await Repository.LcnetAsync(German, "load", Repository.Samples, "--rate", "2,5");
        Assert.Equal(1, refused);
        Assert.Contains("--rate: '2,5' is not a number", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Classify_ProxyIsSet_ServersOfThisMachineAreReachedWithoutIt()
    {
        using var proxy = new TcpListener(IPAddress.Loopback, 0);
        proxy.Start();
        string address = $"http://127.0.0.1:{((IPEndPoint)proxy.LocalEndpoint).Port}";
        var environment = new Dictionary<string, string> { ["http_proxy"] = address, ["https_proxy"] = address, ["all_proxy"] = address, ["no_proxy"] = string.Empty };
        string port = new Uri(server.Address).Port.ToString(CultureInfo.InvariantCulture);
        foreach (string host in new[] { "localhost", "127.0.0.1" })
        {
            (int exitCode, string output, string error) = await Repository.LcnetAsync(environment, "classify", Horse, "--server", $"http://{host}:{port}");

            Assert.True(exitCode == 0, error);
            Assert.Contains("horse", output, StringComparison.Ordinal);
        }

        (int loaded, _, string problem) = await Repository.LcnetAsync(
            environment, "load", Repository.Samples, "--server", server.Address, "--seconds", "0.2", "--warm-up", "0", "--deadline", "60");
        Assert.True(loaded == 0, problem);
        Assert.False(proxy.Pending());
    }

    [Fact]
    public async Task Classify_NobodyListens_SaysSo()
    {
        (int exitCode, _, string error) = await Repository.LcnetAsync("classify", Horse, "--server", "http://127.0.0.1:9");

        Assert.Equal(1, exitCode);
        Assert.StartsWith("No server answers: Connection refused", Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    private static string WithoutTimes(string output) => System.Text.RegularExpressions.Regex.Replace(output, @"in \d+ µs", "in some time");
}
