using System.Globalization;
using LCNet.Server.Configuration;
using OpenTelemetry.Exporter;

namespace LCNet.Server.Telemetry;

/// <summary>Reads the variables that say what leaves the server, and collects what is wrong with them.</summary>
internal sealed class TelemetryOptionsReader
{
    private const string All = "OTEL_EXPORTER_OTLP_";
    private const string Otlp = "otlp";
    private const string None = "none";
    private static readonly string[] Positive =
    [
        $"{All}TIMEOUT", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    ];

    private static readonly string[] NotNegative =
    [
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    ];

    private static readonly Dictionary<string, string[]> Choices = new(StringComparer.Ordinal)
    {
        [$"{All}METRICS_TEMPORALITY_PREFERENCE"] = ["cumulative", "delta", "lowmemory"],
        ["OTEL_METRICS_EXEMPLAR_FILTER"] = ["always_off", "always_on", "trace_based"],
        ["OTEL_SDK_DISABLED"] = ["true", "false"],
        ["OTEL_TRACES_SAMPLER"] =
            ["always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"],
    };

    private readonly IConfiguration _configuration;
    private readonly List<string> _problems = [];

    private TelemetryOptionsReader(IConfiguration configuration) => _configuration = configuration;

    /// <summary>Reads the variables.</summary>
    /// <exception cref="ServerOptionsException">Values are wrong; every one of them is named.</exception>
    public static TelemetryOptions Read(IConfiguration configuration)
    {
        var reader = new TelemetryOptionsReader(configuration);
        bool everywhere = reader.Endpoint($"{All}ENDPOINT") is not null;
        reader.Protocol($"{All}PROTOCOL");
        reader.Compression($"{All}COMPRESSION");
        reader.Pairs($"{All}HEADERS");
        reader.Pairs("OTEL_RESOURCE_ATTRIBUTES");
        reader.Share("OTEL_TRACES_SAMPLER_ARG");
        reader.CheckOthers();
        bool disabled = bool.TryParse(configuration["OTEL_SDK_DISABLED"], out bool value) && value;
        var options = new TelemetryOptions(!disabled, reader.Target("METRICS", everywhere), reader.Target("TRACES", everywhere));
        return reader._problems.Count == 0 ? options : throw new ServerOptionsException(reader._problems);
    }

    private OtlpTarget? Target(string signal, bool everywhere)
    {
        Uri? endpoint = Endpoint($"{All}{signal}_ENDPOINT");
        var target = new OtlpTarget
        {
            Endpoint = endpoint,
            Protocol = Protocol($"{All}{signal}_PROTOCOL"),
            Headers = Pairs($"{All}{signal}_HEADERS"),
            Timeout = Timeout($"{All}{signal}_TIMEOUT"),
            Compression = Compression($"{All}{signal}_COMPRESSION"),
        };
        string? exporter = Exporter($"OTEL_{signal}_EXPORTER");
        return exporter != None && (everywhere || endpoint is not null || exporter == Otlp) ? target : null;
    }

    private string? Text(string name) => string.IsNullOrWhiteSpace(_configuration[name]) ? null : _configuration[name]!.Trim();

    private Uri? Endpoint(string name)
    {
        string? text = Text(name);
        bool good = Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps);
        Require(good, name, text, "is no address that begins with http:// or https://");
        return good ? uri : null;
    }

    private string? Exporter(string name)
    {
        string? text = Text(name);
        Require(text is Otlp or None, name, text, "is neither otlp nor none");
        return text;
    }

    private OtlpExportProtocol? Protocol(string name)
    {
        string? text = Text(name);
        OtlpExportProtocol? protocol = text switch
        {
            "grpc" => OtlpExportProtocol.Grpc,
            "http/protobuf" => OtlpExportProtocol.HttpProtobuf,
            _ => null,
        };
        Require(protocol is not null, name, text, "is neither grpc nor http/protobuf");
        return protocol;
    }

    private OtlpExportCompression? Compression(string name)
    {
        string? text = Text(name);
        OtlpExportCompression? compression = text switch
        {
            None => OtlpExportCompression.None,
            "gzip" => OtlpExportCompression.GZip,
            _ => null,
        };
        Require(compression is not null, name, text, "is neither none nor gzip");
        return compression;
    }

    private int? Timeout(string name) => Number(name, 1, "is no whole number of milliseconds above 0");

    private int? Number(string name, int least, string problem)
    {
        string? text = Text(name);
        bool good = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least;
        Require(good, name, text, problem);
        return good ? number : null;
    }

    // Comma-separated name=value.
    private string? Pairs(string name)
    {
        string? text = Text(name);
        if (text is not null && !text.Split(',', StringSplitOptions.RemoveEmptyEntries).All(pair => IsName(pair.Split('='))))
        {
            // What stands in headers is often a secret.
            _problems.Add($"{name}: is not name=value, nor several of these with commas between them");
        }

        return text;
    }

    private static bool IsName(string[] pair) => pair is [{ } name, _, ..] && name.Trim() is { Length: > 0 } trimmed && trimmed.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_.!%'*+^`|~/$&#".Contains(letter, StringComparison.Ordinal));

    private void Share(string name)
    {
        string? text = Text(name);
        Require(double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double share) && share is >= 0 and <= 1, name, text, "is no number from 0 to 1");
    }

    // Those that the libraries read by themselves, and pass over where they are wrong.
    private void CheckOthers()
    {
        foreach (string name in Positive)
        {
            Number(name, 1, "is no whole number above 0");
        }

        foreach (string name in NotNegative)
        {
            Number(name, 0, "is no whole number");
        }

        foreach ((string name, string[] choices) in Choices)
        {
            string? text = Text(name);
            Require(choices.Contains(text, StringComparer.OrdinalIgnoreCase), name, text, $"is none of {string.Join(", ", choices)}");
        }
    }

    private void Require(bool good, string name, string? text, string problem)
    {
        if (!good && text is not null)
        {
            _problems.Add($"{name}: '{text}' {problem}".ReplaceLineEndings(" "));
        }
    }
}

/// <summary>What leaves the server, by the variables of the OpenTelemetry specification.</summary>
/// <param name="IsEnabled">Whether anything is measured for others at all; not where <c>OTEL_SDK_DISABLED</c> is true.</param>
/// <param name="Metrics">Where metrics are sent; null for nowhere. They can be fetched from <c>/metrics</c> in any case.</param>
/// <param name="Traces">Where traces are sent; null for nowhere, and then none are made.</param>
internal sealed record TelemetryOptions(bool IsEnabled, OtlpTarget? Metrics, OtlpTarget? Traces);

/// <summary>
/// Where one signal is sent, by the variables of the OpenTelemetry specification. Those for every signal are read by the exporter itself;
/// these are a signal's own, which it does not read.
/// </summary>
internal sealed record OtlpTarget
{
    /// <summary>Where to; null for the address of every signal.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Null for the protocol of every signal.</summary>
    public OtlpExportProtocol? Protocol { get; init; }

    /// <summary>Comma-separated <c>name=value</c>; null for the headers of every signal.</summary>
    public string? Headers { get; init; }

    /// <summary>Longest wait for the receiver, in milliseconds; null for that of every signal.</summary>
    public int? Timeout { get; init; }

    /// <summary>Null for the compression of every signal.</summary>
    public OtlpExportCompression? Compression { get; init; }

    /// <summary>Sets on the exporter's options what is not null.</summary>
    public void Apply(OtlpExporterOptions options)
    {
        options.Protocol = Protocol ?? options.Protocol;
        options.Headers = Headers ?? options.Headers;
        options.TimeoutMilliseconds = Timeout ?? options.TimeoutMilliseconds;
        options.Compression = Compression ?? options.Compression;
        if (Endpoint is not null)
        {
            // Setting it says that it is the whole address: no path is added.
            options.Endpoint = Endpoint;
        }
    }
}
