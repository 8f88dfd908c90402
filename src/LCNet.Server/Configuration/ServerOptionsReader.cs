using System.Net;
using LCNet.Runtime;
using LCNet.Server.Admission;
using LCNet.Server.Hosting;
using LCNet.Server.Models;

namespace LCNet.Server.Configuration;

/// <summary>Reads and checks the settings; every problem is reported, not only the first.</summary>
internal static class ServerOptionsReader
{
    private const int MaxPort = 65535;
    private const int MaxWorkers = 1024;
    private const int MaxQueue = 1_000_000;
    private const long MaxQueueBytes = 1L << 40;
    private const long LeastReceiveBytes = 1L << 20;
    private const int MaxBatch = 4096;
    private const int MaxBatchImages = 256;
    private const long MaxBatchFlops = 1L << 60;
    private const int MaxStreamInFlight = 1024;
    private const int MaxBytes = 1 << 30;
    private const long MaxPixels = 1 << 28;
    private const int MaxConnections = 1_000_000;
    private const int MaxStreamsPerConnection = 65_536;
    private const int LeastHeaderBytes = 4 * 1024;
    private const int MaxHeaderBytes = 1024 * 1024;
    private const int MaxFailures = 1000;
    private static readonly TimeSpan LeastTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostHeadersTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan MostIdleTimeout = TimeSpan.FromDays(1);
    private static readonly TimeSpan LeastObjective = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan MostObjective = TimeSpan.FromHours(1);
    private static readonly TimeSpan LeastPollInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MostPollInterval = TimeSpan.FromHours(1);
    private static readonly TimeSpan MostDrainDelay = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LeastDrainTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MostDrainTimeout = TimeSpan.FromHours(1);

    /// <summary>The settings, with defaults for those that are absent or empty.</summary>
    /// <exception cref="ServerOptionsException">A setting is unknown, unreadable or out of range.</exception>
    public static ServerOptions Read(IConfiguration configuration)
    {
        var defaults = new ServerOptions();
        var values = new SettingsReader(configuration.GetSection(ServerOptions.Section));
        var options = new ServerOptions
        {
            Models = values.Text(nameof(ServerOptions.Models), defaults.Models),
            ModelControl = values.Choice(nameof(ServerOptions.ModelControl), defaults.ModelControl),
            ModelPollInterval = values.Duration(nameof(ServerOptions.ModelPollInterval), defaults.ModelPollInterval, LeastPollInterval, MostPollInterval),
            Device = values.Text(nameof(ServerOptions.Device), defaults.Device),
            FallbackToCpu = values.Flag(nameof(ServerOptions.FallbackToCpu), defaults.FallbackToCpu),
            MaxFailures = values.Number(nameof(ServerOptions.MaxFailures), defaults.MaxFailures, 1, MaxFailures),
            Executor = values.Choice(nameof(ServerOptions.Executor), defaults.Executor),
            Workers = values.Number(nameof(ServerOptions.Workers), defaults.Workers, 0, MaxWorkers),
            MaxQueue = values.Number(nameof(ServerOptions.MaxQueue), defaults.MaxQueue, 0, MaxQueue),
            BatchMaxImages = values.Number(nameof(ServerOptions.BatchMaxImages), defaults.BatchMaxImages, 1, MaxBatchImages),
            BatchMaxDelay = values.Duration(nameof(ServerOptions.BatchMaxDelay), defaults.BatchMaxDelay, TimeSpan.Zero, EngineOptions.MaxDelayLimit),
            BatchMaxFlops = values.Number(nameof(ServerOptions.BatchMaxFlops), defaults.BatchMaxFlops, 0, MaxBatchFlops),
            MaxQueueBytes = values.Number(nameof(ServerOptions.MaxQueueBytes), defaults.MaxQueueBytes, 0, MaxQueueBytes),
            QueueObjective = values.Duration(nameof(ServerOptions.QueueObjective), defaults.QueueObjective, LeastObjective, MostObjective),
            Brownout = values.Flag(nameof(ServerOptions.Brownout), defaults.Brownout),
            BrownoutEffort = values.Has(nameof(ServerOptions.BrownoutEffort)) ? values.Share(nameof(ServerOptions.BrownoutEffort), 1) : null,
            DefaultEffort = values.Share(nameof(ServerOptions.DefaultEffort), defaults.DefaultEffort),
            BindAddress = values.Text(nameof(ServerOptions.BindAddress), defaults.BindAddress),
            HttpBindAddress = values.Text(nameof(ServerOptions.HttpBindAddress), defaults.HttpBindAddress),
            GrpcPort = values.Number(nameof(ServerOptions.GrpcPort), defaults.GrpcPort, 0, MaxPort),
            HttpPort = values.Number(nameof(ServerOptions.HttpPort), defaults.HttpPort, 0, MaxPort),
            TlsCertificate = values.Text(nameof(ServerOptions.TlsCertificate), defaults.TlsCertificate),
            TlsKey = values.Text(nameof(ServerOptions.TlsKey), defaults.TlsKey),
            TlsClientCa = values.Text(nameof(ServerOptions.TlsClientCa), defaults.TlsClientCa),
            ApiKeys = values.Text(nameof(ServerOptions.ApiKeys), defaults.ApiKeys),
            MaxConnections = values.Number(nameof(ServerOptions.MaxConnections), defaults.MaxConnections, 1, MaxConnections),
            MaxConnectionsPerAddress = values.Number(nameof(ServerOptions.MaxConnectionsPerAddress), defaults.MaxConnectionsPerAddress, 1, MaxConnections),
            MaxStreamsPerConnection = values.Number(nameof(ServerOptions.MaxStreamsPerConnection), defaults.MaxStreamsPerConnection, 1, MaxStreamsPerConnection),
            MaxHeaderBytes = values.Number(nameof(ServerOptions.MaxHeaderBytes), defaults.MaxHeaderBytes, LeastHeaderBytes, MaxHeaderBytes),
            HeadersTimeout = values.Duration(nameof(ServerOptions.HeadersTimeout), defaults.HeadersTimeout, LeastTimeout, MostHeadersTimeout),
            IdleTimeout = values.Duration(nameof(ServerOptions.IdleTimeout), defaults.IdleTimeout, LeastTimeout, MostIdleTimeout),
            MinBodyBytesPerSecond = values.Number(nameof(ServerOptions.MinBodyBytesPerSecond), defaults.MinBodyBytesPerSecond, 1, MaxBytes),
            MaxImageBytes = values.Number(nameof(ServerOptions.MaxImageBytes), defaults.MaxImageBytes, 1, MaxBytes),
            MaxImagePixels = values.Number(nameof(ServerOptions.MaxImagePixels), defaults.MaxImagePixels, 1, MaxPixels),
            MaxRequestBytes = values.Has(nameof(ServerOptions.MaxRequestBytes))
                ? values.Number(nameof(ServerOptions.MaxRequestBytes), MaxBytes, 1, int.MaxValue)
                : null,
            MaxReceiveBytes = values.Number(nameof(ServerOptions.MaxReceiveBytes), defaults.MaxReceiveBytes, LeastReceiveBytes, MaxQueueBytes),
            MaxBatch = values.Number(nameof(ServerOptions.MaxBatch), defaults.MaxBatch, 1, MaxBatch),
            MaxStreamInFlight = values.Number(nameof(ServerOptions.MaxStreamInFlight), defaults.MaxStreamInFlight, 1, MaxStreamInFlight),
            DrainDelay = values.Duration(nameof(ServerOptions.DrainDelay), defaults.DrainDelay, TimeSpan.Zero, MostDrainDelay),
            DrainTimeout = values.Duration(nameof(ServerOptions.DrainTimeout), defaults.DrainTimeout, LeastDrainTimeout, MostDrainTimeout),
            Page = values.Flag(nameof(ServerOptions.Page), defaults.Page),
            LogFormat = values.Choice(nameof(ServerOptions.LogFormat), defaults.LogFormat),
            LogLevel = values.Choice(nameof(ServerOptions.LogLevel), defaults.LogLevel),
        };
        values.RefuseOthers();
        if (configuration.GetSection("Kestrel").GetChildren().Any())
        {
            // Kestrel would open further ports by it, outside TLS and limits.
            values.Refuse($"Kestrel: is not read, neither from files nor from the environment (Kestrel__…); the ports are {ServerOptions.Section}:{nameof(ServerOptions.GrpcPort)} and {ServerOptions.Section}:{nameof(ServerOptions.HttpPort)}");
        }

        CheckDevice(options.Device, values);
        CheckAddress(nameof(ServerOptions.BindAddress), options.BindAddress, values);
        if (options.HttpBindAddress.Length > 0)
        {
            CheckAddress(nameof(ServerOptions.HttpBindAddress), options.HttpBindAddress, values);
        }

        values.Require(
            options.GrpcPort != options.HttpPort || options.GrpcPort == 0,
            nameof(ServerOptions.HttpPort),
            $"{options.HttpPort} is {nameof(ServerOptions.GrpcPort)} too; each needs a port of its own");
        values.Require(
            options.RequestLimit >= options.MaxImageBytes,
            nameof(ServerOptions.MaxRequestBytes),
            $"{options.RequestLimit} is below {nameof(ServerOptions.MaxImageBytes)}, {options.MaxImageBytes}");
        values.Require(
            options.HasTls == options.TlsKey.Length > 0,
            nameof(ServerOptions.TlsKey),
            $"{nameof(ServerOptions.TlsCertificate)} and {nameof(ServerOptions.TlsKey)} are given together or not at all");
        values.Require(options.HasTls || !options.AsksForCertificate, nameof(ServerOptions.TlsClientCa), $"needs {nameof(ServerOptions.TlsCertificate)}");
        return values.Problems.Count == 0 ? options : throw new ServerOptionsException(values.Problems);
    }

    private static void CheckAddress(string name, string address, SettingsReader values) => values.Require(
        address == ServerEndpoints.AnyAddress || IPAddress.TryParse(address, out _), name, $"'{address}' is neither an IP address nor {ServerEndpoints.AnyAddress}");

    private static void CheckDevice(string device, SettingsReader values)
    {
        try
        {
            ComputeDevice.Parse(device);
        }
        catch (DeviceException exception)
        {
            values.Require(false, nameof(ServerOptions.Device), exception.Message);
        }
    }
}

/// <summary>The server's settings are wrong.</summary>
public sealed class ServerOptionsException : Exception
{
    internal ServerOptionsException(IReadOnlyList<string> problems)
        : base(string.Join("; ", problems))
    {
        Problems = problems;
    }

    /// <summary>Every problem, as one line that begins with the setting's name.</summary>
    public IReadOnlyList<string> Problems { get; }
}
