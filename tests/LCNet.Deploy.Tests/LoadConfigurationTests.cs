using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using LCNet.V1;

namespace LCNet.Deploy.Tests;

/// <summary>The ghz configurations against ghz's documented options, the compiled protos and the server.</summary>
public sealed partial class LoadConfigurationTests(ServerFace server)
{
    private const string Folder = "deploy/load";

    // https://ghz.sh/docs/options: the options by which a configuration file may name what it sets.
    private static readonly HashSet<string> Options =
    [
        "name", "tags", "proto", "protoset", "import-paths", "call", "host", "insecure", "async", "rps", "load-schedule", "load-start", "load-step",
        "load-end", "load-step-duration", "load-max-duration", "concurrency", "concurrency-schedule", "concurrency-start", "concurrency-end",
        "concurrency-step", "concurrency-step-duration", "concurrency-max-duration", "total", "timeout", "duration", "max-duration", "duration-stop",
        "data", "data-file", "metadata", "stream-interval", "stream-call-duration", "stream-call-count", "stream-dynamic-messages", "output", "format",
        "skipFirst", "connections", "connect-timeout", "keepalive", "cpus", "count-errors", "lb-strategy",
    ];

    public static TheoryData<string> Configurations => [.. Files(Folder)];

    public static TheoryData<string> UnaryData => [.. Files($"{Folder}/data").Where(file => !file.EndsWith("stream.json", StringComparison.Ordinal))];

    public static TheoryData<string> Data => [.. Files($"{Folder}/data")];

    [Theory]
    [MemberData(nameof(Configurations))]
    public void Configuration_EveryOption_IsDocumented(string file)
    {
        JsonObject configuration = Repository.Json(file).AsObject();

        Assert.All(configuration, option => Assert.Contains(option.Key, Options));
        Assert.All(
            configuration.Where(option => option.Key.Contains("duration", StringComparison.Ordinal) && option.Key != "duration-stop").Append(new("timeout", configuration["timeout"])),
            option => Assert.Matches("^[0-9]+(ms|s|m)$", option.Value!.ToString()));
        Assert.True(configuration["total"] is null || configuration.NumberAt("total") >= configuration.NumberAt("concurrency"));

        // It ends by itself. Where both are given ghz passes over the number.
        Assert.True((configuration["total"] is null) != (configuration["duration"] is null), "a number of calls or a duration");
        Assert.Null(configuration["max-duration"]);
    }

    [Theory]
    [MemberData(nameof(Configurations))]
    public void Configuration_Call_IsAMethodOfTheProtos(string file)
    {
        JsonNode configuration = Repository.Json(file);
        string call = configuration.TextAt("call");
        ServiceDescriptor service = Assert.Single(ClassifierReflection.Descriptor.Services, service => call.StartsWith($"{service.FullName}.", StringComparison.Ordinal));
        MethodDescriptor? method = service.FindMethodByName(call[(service.FullName.Length + 1)..]);

        Assert.NotNull(method);
        Assert.Equal(ClassifyRequest.Descriptor, method.InputType);
        Assert.Equal(method.IsClientStreaming, configuration["stream-call-count"] is not null);
        Assert.Contains($"rpc {method.Name}(", Repository.Text(configuration.TextAt("proto")), StringComparison.Ordinal);
        Assert.True(Directory.Exists(Repository.PathOf(configuration.TextAt("import-paths", 0))));
    }

    [Theory]
    [MemberData(nameof(Configurations))]
    public void Configuration_Target_IsTheServerOnThisMachine(string file)
    {
        JsonNode configuration = Repository.Json(file);

        Assert.Equal($"localhost:{ServerFace.Defaults.GrpcPort}", configuration.TextAt("host"));
        Assert.True(configuration.At("insecure").GetValue<bool>());
        Assert.Contains(configuration.TextAt("data-file"), Files($"{Folder}/data"));
    }

    [Fact]
    public void OpenLoop_Connections_HoldWhateverIsInFlight()
    {
        JsonNode configuration = Repository.Json($"{Folder}/open-loop.json");
        double inFlight = configuration.NumberAt("rps") * 10;

        // Each connection has room for so many calls; a call beyond that waits in the client, and the loop is not open any more.
        Assert.InRange(configuration.NumberAt("connections") * ServerFace.Defaults.MaxStreamsPerConnection, inFlight, double.MaxValue);
        Assert.Equal((64, 64), (configuration.NumberAt("connections"), configuration.NumberAt("concurrency")));
    }

    [Theory]
    [MemberData(nameof(Configurations))]
    public void Readme_EveryConfiguration_IsDescribedAsItIs(string file)
    {
        JsonNode configuration = Repository.Json(file);
        string name = Path.GetFileName(file);

        // The efforts' row says that they are the same.
        string described = name.StartsWith("effort-", StringComparison.Ordinal) ? "unary.json" : name;
        string row = Repository.Text($"{Folder}/README.md").Split('\n').Single(line => line.StartsWith($"| `{described}`", StringComparison.Ordinal));

        foreach (string number in new[] { "total", "skipFirst", "rps", "connections", "stream-call-count" })
        {
            if (configuration[number] is { } value && !(number == "connections" && name == "stream.json"))
            {
                Assert.Contains($"{value.GetValue<int>():N0}", row, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Readme_GrpcurlLine_TakesImagesLargerThanAnArgument()
    {
        Assert.SkipUnless(Programs.Exists("bash") && Programs.Exists("base64"), "bash and base64 are not at hand.");
        string line = Repository.Text("README.md").Split('\n').Single(each => each.Contains("| grpcurl ", StringComparison.Ordinal));
        Assert.Contains(" -d @ ", line, StringComparison.Ordinal);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lcnet-deploy-");
        byte[] image = new byte[3_000_000];
        new Random(1).NextBytes(image);
        await File.WriteAllBytesAsync(Path.Combine(folder.FullName, "horse.jpg"), image, TestContext.Current.CancellationToken);

        // What is piped into grpcurl.
        var start = new System.Diagnostics.ProcessStartInfo("bash", ["-c", line[..line.IndexOf("| grpcurl", StringComparison.Ordinal)]])
        {
            WorkingDirectory = folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        (int code, string output) = await Programs.RunAsync(start);
        folder.Delete(recursive: true);
        Assert.True(code == 0, output.Length > 1000 ? output[..1000] : output);
        Assert.Equal(image, JsonParser.Default.Parse<ClassifyRequest>(output).EncodedImage.ToByteArray());
    }

    [Theory]
    [InlineData(25)]
    [InlineData(50)]
    [InlineData(75)]
    [InlineData(100)]
    public void EffortSweep_EachConfiguration_AsksForItsEffort(int percent)
    {
        JsonNode configuration = Repository.Json($"{Folder}/effort-{percent}.json");

        Assert.Equal((percent / 100.0).ToString(CultureInfo.InvariantCulture), configuration.TextAt("tags", "effort"));
        Assert.All(Requests(configuration.TextAt("data-file")), request => Assert.Equal(percent / 100.0, request.Effort));
    }

    [Theory]
    [MemberData(nameof(Data))]
    public void Data_EveryRequest_IsAnImageOfTheRepository(string file)
    {
        string[] images = [.. Directory.GetFiles(Repository.PathOf("tests/data/cifar10"), "*.jpg", SearchOption.AllDirectories)
            .Select(image => Convert.ToBase64String(File.ReadAllBytes(image)))];
        ClassifyRequest[] requests = Requests(file);

        Assert.Equal(10, requests.Length);
        Assert.All(requests, request => Assert.Contains(request.EncodedImage.ToBase64(), images));
    }

    [Fact]
    public void StreamData_EveryRequest_HasAnIdOfItsOwn()
    {
        ClassifyRequest[] requests = Requests($"{Folder}/data/stream.json");

        Assert.Equal(requests.Length, requests.Select(request => request.Id).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(UnaryData))]
    public async Task Data_EveryRequest_IsClassified(string file)
    {
        foreach (ClassifyRequest request in Requests(file))
        {
            ClassifyResponse reply = await ClassifyAsync(server, request);
            Assert.NotEmpty(reply.Predictions);
        }
    }

    /// <summary>The requests of a data file, with ghz's templates filled in for its first call.</summary>
    internal static ClassifyRequest[] Requests(string file)
    {
        string text = Template().Replace(Repository.Text(file), "0");
        Assert.DoesNotContain("{{", text, StringComparison.Ordinal);
        return [.. JsonNode.Parse(text)!.AsArray().Select(request => JsonParser.Default.Parse<ClassifyRequest>(request!.ToJsonString()))];
    }

    internal static async Task<ClassifyResponse> ClassifyAsync(ServerFace server, ClassifyRequest request) =>
        await server.Client.ClassifyAsync(request, deadline: DateTime.UtcNow.AddMinutes(5), cancellationToken: TestContext.Current.CancellationToken);

    private static IEnumerable<string> Files(string folder) =>
        Directory.GetFiles(Repository.PathOf(folder), "*.json").Select(file => Path.GetRelativePath(Repository.Root, file)).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"\{\{\.RequestNumber\}\}")]
    private static partial Regex Template();
}
