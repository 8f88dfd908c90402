using System.Net;
using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Reads and checks the settings; every problem is reported, not only the first.</summary>
internal static class ServerOptionsReader
{
    private const int MaxPort = 65535;
    private const int MaxWorkers = 1024;
    private const int MaxQueue = 1_000_000;
    private const long MaxQueueBytes = 1L << 40;
    private const int MaxBatch = 4096;
    private const int MaxBatchImages = 256;
    private const long MaxBatchFlops = 1L << 60;
    private const int MaxStreamInFlight = 1024;
    private const int MaxBytes = 1 << 30;
    private const long MaxPixels = 1 << 28;
    private static readonly TimeSpan LeastObjective = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan MostObjective = TimeSpan.FromHours(1);

    /// <summary>The settings, with defaults for those that are absent or empty.</summary>
    /// <exception cref="ServerOptionsException">A setting is unknown, unreadable or out of range.</exception>
    public static ServerOptions Read(IConfiguration configuration)
    {
        var defaults = new ServerOptions();
        var values = new SettingsReader(configuration.GetSection(ServerOptions.Section));
        var options = new ServerOptions
        {
            Models = values.Text(nameof(ServerOptions.Models), defaults.Models),
            Device = values.Text(nameof(ServerOptions.Device), defaults.Device),
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
            GrpcPort = values.Number(nameof(ServerOptions.GrpcPort), defaults.GrpcPort, 0, MaxPort),
            HttpPort = values.Number(nameof(ServerOptions.HttpPort), defaults.HttpPort, 0, MaxPort),
            MaxImageBytes = values.Number(nameof(ServerOptions.MaxImageBytes), defaults.MaxImageBytes, 1, MaxBytes),
            MaxImagePixels = values.Number(nameof(ServerOptions.MaxImagePixels), defaults.MaxImagePixels, 1, MaxPixels),
            MaxRequestBytes = values.Has(nameof(ServerOptions.MaxRequestBytes))
                ? values.Number(nameof(ServerOptions.MaxRequestBytes), MaxBytes, 1, int.MaxValue)
                : null,
            MaxBatch = values.Number(nameof(ServerOptions.MaxBatch), defaults.MaxBatch, 1, MaxBatch),
            MaxStreamInFlight = values.Number(nameof(ServerOptions.MaxStreamInFlight), defaults.MaxStreamInFlight, 1, MaxStreamInFlight),
            Page = values.Flag(nameof(ServerOptions.Page), defaults.Page),
            LogFormat = values.Choice(nameof(ServerOptions.LogFormat), defaults.LogFormat),
            LogLevel = values.Choice(nameof(ServerOptions.LogLevel), defaults.LogLevel),
        };
        values.RefuseOthers();
        CheckDevice(options.Device, values);
        values.Require(
            options.BindAddress == ServerEndpoints.AnyAddress || IPAddress.TryParse(options.BindAddress, out _),
            nameof(ServerOptions.BindAddress),
            $"'{options.BindAddress}' is neither an IP address nor {ServerEndpoints.AnyAddress}");
        values.Require(
            options.GrpcPort != options.HttpPort || options.GrpcPort == 0,
            nameof(ServerOptions.HttpPort),
            $"{options.HttpPort} is {nameof(ServerOptions.GrpcPort)} too; each needs a port of its own");
        values.Require(
            options.RequestLimit >= options.MaxImageBytes,
            nameof(ServerOptions.MaxRequestBytes),
            $"{options.RequestLimit} is below {nameof(ServerOptions.MaxImageBytes)}, {options.MaxImageBytes}");
        return values.Problems.Count == 0 ? options : throw new ServerOptionsException(values.Problems);
    }

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
