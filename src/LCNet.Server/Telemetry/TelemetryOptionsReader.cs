using System.Globalization;
using OpenTelemetry.Exporter;

namespace LCNet.Server;

/// <summary>Reads the variables that say what leaves the server, and collects what is wrong with them.</summary>
internal sealed class TelemetryOptionsReader
{
    private const string All = "OTEL_EXPORTER_OTLP_";
    private const string Otlp = "otlp";
    private const string None = "none";
    private readonly IConfiguration _configuration;
    private readonly List<string> _problems = [];

    private TelemetryOptionsReader(IConfiguration configuration) => _configuration = configuration;

    /// <summary>Reads them.</summary>
    /// <exception cref="ServerOptionsException">Values are wrong; every one of them is named.</exception>
    public static TelemetryOptions Read(IConfiguration configuration)
    {
        var reader = new TelemetryOptionsReader(configuration);
        bool everywhere = reader.Endpoint($"{All}ENDPOINT") is not null;
        reader.Protocol($"{All}PROTOCOL");
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
            Headers = Text($"{All}{signal}_HEADERS"),
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

    private int? Timeout(string name)
    {
        string? text = Text(name);
        bool good = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds) && milliseconds > 0;
        Require(good, name, text, "is no whole number of milliseconds above 0");
        return good ? milliseconds : null;
    }

    private void Require(bool good, string name, string? text, string problem)
    {
        if (!good && text is not null)
        {
            _problems.Add($"{name}: '{text}' {problem}".ReplaceLineEndings(" "));
        }
    }
}
