using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using LCNet.Bundles;
using LCNet.Imaging;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Server.Admission;
using LCNet.Server.Hosting;
using LCNet.Server.Models;

namespace LCNet.Server.Configuration;

/// <summary>
/// The server's settings: section <c>LCNet</c> of <c>appsettings.json</c>, <c>LCNet__Name</c> in the environment or <c>--LCNet:Name=value</c>
/// on the command line; the later ones win. Read once, when the server is built. The file is long because it is the one place where settings are described: the reader,
/// <c>--help</c> and <c>docs/settings.md</c> go by it.
/// </summary>
public sealed record ServerOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "LCNet";

    /// <summary>
    /// The folder of the bundles, <c>&lt;model&gt;/&lt;version&gt;/bundle.json</c>. Default: <c>models</c> beside the program. A relative path
    /// starts at the working directory.
    /// </summary>
    [Category("Models")]
    public string Models { get; init; } = Path.Combine(AppContext.BaseDirectory, "models");

    /// <summary>What makes a running server load and unload models. Default: <see cref="ModelControl.None"/>.</summary>
    [Category("Models")]
    public ModelControl ModelControl { get; init; }

    /// <summary>
    /// How often <see cref="ModelControl.Poll"/> looks at <see cref="Models"/>, 100 ms to 1 h (default 10 s). A bundle is loaded once two looks found it the same.
    /// </summary>
    [Category("Models")]
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan ModelPollInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Where models run: <c>cpu</c> (default), <c>cuda</c> or <c>cuda:N</c>.</summary>
    [Category("Execution")]
    public string Device { get; init; } = "cpu";

    /// <summary>
    /// Whether models move to the CPU where <see cref="Device"/> cannot be used when they are loaded, or has failed for good (<see cref="MaxFailures"/>). Default: false.
    /// </summary>
    [Category("Execution")]
    public bool FallbackToCpu { get; init; }

    /// <summary>Whether a GPU may round what it multiplies to TF32, with a mantissa of 10 bits instead of 23, which its matrix units are made for. Default: true.</summary>
    [Category("Execution")]
    public bool Tf32 { get; init; } = true;

    /// <summary>
    /// Whether a GPU is tried when a model is loaded: a few images run on it and on the CPU, and results that lie further apart than by rounding are a fault of the device; a full batch is timed with gates and as the static network,
    /// and a warning says where gates do not pay. Default: true.
    /// </summary>
    [Category("Execution")]
    public bool SelfCheck { get; init; } = true;

    /// <summary>
    /// Dispatches of a model that its device may fail one after another, 1 to 1000 (default 5): with the last of them the server is not ready, until an image runs again.
    /// </summary>
    [Category("Execution")]
    [Range(1, 1000)]
    public int MaxFailures { get; init; } = 5;

    /// <summary>
    /// What runs models: <c>Auto</c> (default; <c>Simd</c> on the CPU, <c>Batched</c> on a GPU), <c>Simd</c> (CPU only), <c>OnnxRuntime</c> or <c>Batched</c>.
    /// </summary>
    [Category("Execution")]
    public ExecutorKind Executor { get; init; }

    /// <summary>
    /// Images of a model that are decoded and run at the same time, 0 to 1024; 0 (default) for one a processor core on the CPU and one on a GPU. Without meaning where images run in
    /// batches.
    /// </summary>
    [Category("Execution")]
    [Range(0, 1024)]
    public int Workers { get; init; }

    /// <summary>Most images of a model that run together where images run in batches, 1 to 256 (default 32). Memory of the device grows in proportion.</summary>
    [Category("Execution")]
    [Range(1, 256)]
    public int BatchMaxImages { get; init; } = new EngineOptions().MaxBatch;

    /// <summary>How long an image waits for others to share its batch, <c>00:00:00</c> to <c>00:00:10</c> (default 2 ms, <c>00:00:00.002</c>).</summary>
    [Category("Execution")]
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan BatchMaxDelay { get; init; } = new EngineOptions().MaxDelay;

    /// <summary>
    /// FLOPs that a batch may take, as far as effort and caps of its images tell beforehand, 0 to 2^60: an image that would go beyond them waits for the next batch, so that heavy
    /// images do not delay light ones. 0 (default) for half of what <see cref="BatchMaxImages"/> images take at effort 1 in the mean: light images make batches of as many, those at
    /// effort 1 of half as many.
    /// </summary>
    [Category("Execution")]
    [Range(typeof(long), "0", "1152921504606846976")]
    public long BatchMaxFlops { get; init; }

    /// <summary>
    /// Images of a model that may wait, 0 to 1,000,000 (default 4096); one more is refused with <c>RESOURCE_EXHAUSTED</c>. It bounds memory: small networks get
    /// thousands of images done within <see cref="QueueObjective"/>.
    /// </summary>
    [Category("Admission")]
    [Range(0, 1_000_000)]
    public int MaxQueue { get; init; } = 4096;

    /// <summary>
    /// Bytes that the images that wait for a model may have together, 0 to 2^40 (default 256 MiB); more are refused with <c>RESOURCE_EXHAUSTED</c>.
    /// </summary>
    [Category("Admission")]
    [Range(typeof(long), "0", "1099511627776")]
    public long MaxQueueBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>
    /// How long an image should wait at most, 1 ms to 1 h (default 1 s). One that is expected to wait longer, by the FLOPs that wait before it and by
    /// the speed at which they are worked off, is refused with <c>RESOURCE_EXHAUSTED</c>; <see cref="Brownout"/> keeps the wait below it where it can.
    /// </summary>
    [Category("Admission")]
    [Range(typeof(TimeSpan), "00:00:00.001", "01:00:00")]
    public TimeSpan QueueObjective { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether effort is lowered as the wait nears <see cref="QueueObjective"/>, for requests that state neither effort nor a cap. Default: true.
    /// </summary>
    [Category("Admission")]
    public bool Brownout { get; init; } = true;

    /// <summary>
    /// The effort below which <see cref="Brownout"/> does not go, in (0, 1]. Null (default): the lowest of a model's calibration table. At or above
    /// <see cref="DefaultEffort"/> nothing is lowered.
    /// </summary>
    [Category("Admission")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double? BrownoutEffort { get; init; }

    /// <summary>Effort of requests that state neither effort nor a cap, in (0, 1]. Default: 1, the model at its most accurate.</summary>
    [Category("Admission")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double DefaultEffort { get; init; } = 1;

    /// <summary>
    /// Share of answered images that run once more with every gate open, after their reply, on idle capacity alone, so that it is known what skipping costs on live traffic; 0 to 1 (default 0.01), 0 for none.
    /// </summary>
    [Category("Agreement")]
    [Range(0.0, 1.0)]
    public double ShadowRate { get; init; } = 0.01;

    /// <summary>
    /// Share of answers that have to be the whole network's, above 0 and below 1: where shadow runs find less, requests that leave effort to the server get more of it, <see cref="Brownout"/> or not. Null (default): effort has no such floor.
    /// Needs <see cref="ShadowRate"/>, and bundles whose calibration has agreements.
    /// </summary>
    [Category("Agreement")]
    [Range(0.0, 1.0, MinimumIsExclusive = true, MaximumIsExclusive = true)]
    public double? MinAgreement { get; init; }

    /// <summary>The IP address to listen on, or <c>*</c> (default) for every address of the machine, IPv6 and IPv4.</summary>
    [Category("Ports")]
    public string BindAddress { get; init; } = "*";

    /// <summary>The IP address of the HTTP port, or <c>*</c>; empty (default): <see cref="BindAddress"/>. Management may so be kept to an address of its own.</summary>
    [Category("Ports")]
    public string HttpBindAddress { get; init; } = string.Empty;

    /// <summary>Port of gRPC, HTTP/2, 0 to 65535 (default 8001); 0 for a free one.</summary>
    [Category("Ports")]
    [Range(0, 65535)]
    public int GrpcPort { get; init; } = 8001;

    /// <summary>Port of the live page, the health checks and metrics, HTTP/1.1, 0 to 65535 (default 8000); 0 for a free one.</summary>
    [Category("Ports")]
    [Range(0, 65535)]
    public int HttpPort { get; init; } = 8000;

    /// <summary>
    /// A PEM file with the server's certificate and those between it and its authority; with it both ports speak TLS alone. Empty (default): no TLS. Like the three
    /// settings that follow, read again when it changes.
    /// </summary>
    [Category("Ports")]
    public string TlsCertificate { get; init; } = string.Empty;

    /// <summary>A PEM file with the unencrypted private key of <see cref="TlsCertificate"/>; the two are given together.</summary>
    [Category("Ports")]
    public string TlsKey { get; init; } = string.Empty;

    /// <summary>
    /// A PEM file with the authorities of clients' certificates. With it gRPC is for clients with a certificate of theirs, and so is the HTTP port but for its health
    /// checks. Empty (default): no certificates are asked for. Needs <see cref="TlsCertificate"/>.
    /// </summary>
    [Category("Ports")]
    public string TlsClientCa { get; init; } = string.Empty;

    /// <summary>
    /// A JSON file with the hashes of the API keys and the limits of each; <c>docs/security.md</c> describes it. With it everything but health asks for a key. Empty
    /// (default): no keys are asked for.
    /// </summary>
    [Category("Ports")]
    public string ApiKeys { get; init; } = string.Empty;

    /// <summary>
    /// Connections of each of the two ports, 1 to 1,000,000 (default 1024), but no more than this process may open files for, which is logged at start; one more is closed at once.
    /// </summary>
    [Category("Limits")]
    [Range(1, 1_000_000)]
    public int MaxConnections { get; init; } = 1024;

    /// <summary>
    /// Connections of a port that one address may have, 1 to 1,000,000 (default 256); one more is closed at once. All callers behind one proxy have its address.
    /// </summary>
    [Category("Limits")]
    [Range(1, 1_000_000)]
    public int MaxConnectionsPerAddress { get; init; } = 256;

    /// <summary>Calls of one connection at a time, 1 to 65,536 (default 100); clients wait with further ones, and lose those that they send all the same.</summary>
    [Category("Limits")]
    [Range(1, 65_536)]
    public int MaxStreamsPerConnection { get; init; } = 100;

    /// <summary>
    /// Bytes of a request's headers together, 4 KiB to 1 MiB (default 16 KiB), and at most 100 of them; a request with more is refused, and one with more than twice as many bytes loses its connection.
    /// </summary>
    [Category("Limits")]
    [Range(4 * 1024, 1024 * 1024)]
    public int MaxHeaderBytes { get; init; } = 16 * 1024;

    /// <summary>How long a TLS handshake, and then the headers of a request, may take to come, 1 s to 10 min (default 10 s).</summary>
    [Category("Limits")]
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may have no call, its first one included, 1 s to 1 day (default 130 s). Clients of gRPC connect again by themselves.</summary>
    [Category("Limits")]
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>
    /// Bytes a second that the body of a request has to come at after its first 5 s, 1 to 2^30 (default 240); slower ones lose their connection. Not for <c>ClassifyStream</c>,
    /// which may be silent for as long as it likes.
    /// </summary>
    [Category("Limits")]
    [Range(1, 1 << 30)]
    public int MinBodyBytesPerSecond { get; init; } = 240;

    /// <summary>Largest encoded image in bytes, 1 to 1 GiB (default 8 MiB); a larger one is refused with <c>INVALID_ARGUMENT</c>.</summary>
    [Category("Limits")]
    [Range(1, 1 << 30)]
    public int MaxImageBytes { get; init; } = ImageLimits.Default.MaxBytes;

    /// <summary>
    /// Most pixels of an encoded image, 1 to 2^28 (default 2^24), checked before they are decoded. On each processor core, decoding
    /// takes 4 bytes a pixel, and up to 8 more for what some files need at once: a progressive JPEG's coefficients take 2 a component, an interlaced
    /// PNG's pixels up to 8. Beyond the limit: <c>INVALID_ARGUMENT</c>.
    /// </summary>
    [Category("Limits")]
    [Range(typeof(long), "1", "268435456")]
    public long MaxImagePixels { get; init; } = ImageLimits.Default.MaxPixels;

    /// <summary>
    /// Largest request in bytes, at least <see cref="MaxImageBytes"/>; a larger one is refused with <c>INVALID_ARGUMENT</c> before it is read.
    /// Null (default): <see cref="MaxImageBytes"/> and 64 KiB more. A tensor takes 4 bytes a value.
    /// </summary>
    [Category("Limits")]
    [Range(1, int.MaxValue)]
    public int? MaxRequestBytes { get; init; }

    /// <summary>
    /// Bytes of calls that have not arrived whole, 2^20 to 2^40 (default 256 MiB), of one client a quarter of that or one request; a call beyond that is refused with
    /// <c>RESOURCE_EXHAUSTED</c>.
    /// </summary>
    [Category("Limits")]
    [Range(typeof(long), "1048576", "1099511627776")]
    public long MaxReceiveBytes { get; init; } = 256L * 1024 * 1024;

    /// <summary>
    /// Images of one call of the Open Inference Protocol, 1 to 4096 (default 64); more are refused with <c>INVALID_ARGUMENT</c>. All of them
    /// are part of one request and so of its limit, <see cref="MaxRequestBytes"/>.
    /// </summary>
    [Category("Limits")]
    [Range(1, 4096)]
    public int MaxBatch { get; init; } = 64;

    /// <summary>
    /// Requests of one <c>ClassifyStream</c> that may be in flight, 1 to 1024 (default 32), but never more than the server has room for: the next
    /// one is read once a reply is written. Each takes the memory of its request.
    /// </summary>
    [Category("Limits")]
    [Range(1, 1024)]
    public int MaxStreamInFlight { get; init; } = 32;

    /// <summary>
    /// How long the ports stay open after the server was told to stop, <c>00:00:00</c> (default) to <c>00:05:00</c>: it is not ready and refuses new calls, so that load balancers
    /// notice.
    /// </summary>
    [Category("Operation")]
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan DrainDelay { get; init; }

    /// <summary>How long what was let in may take to finish after that, 1 s to 1 h (default 30 s); what still runs then is cut off.</summary>
    [Category("Operation")]
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the live page is served at <c>/</c> of the HTTP port, with what it asks for under <c>/live</c>. Default: true.</summary>
    [Category("Operation")]
    public bool Page { get; init; } = true;

    /// <summary>How log lines look. Default: <see cref="LogFormat.Auto"/>.</summary>
    [Category("Operation")]
    public LogFormat LogFormat { get; init; }

    /// <summary>Least severe level that is logged. Default: <see cref="LogLevel.Information"/>.</summary>
    [Category("Operation")]
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    // Every setting, in the order of this file.
    internal static IReadOnlyList<PropertyInfo> Settings { get; } = typeof(ServerOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance);

    // A worker decodes and runs one image after the other. Of batches, two are under way while another gathers and cores decode.
    internal int MaxUnderWay => RunsBatches ? (3 * BatchMaxImages) + Environment.ProcessorCount
        : Workers > 0 ? Workers
        : ComputeDevice.Parse(Device).IsCuda ? 1 : Environment.ProcessorCount;

    // Of a model whose network costs as much at most.
    internal AdmissionOptions Admission(long denseFlops) => new()
    {
        Slots = MaxUnderWay,
        MaxCount = MaxQueue,
        MaxBytes = MaxQueueBytes,
        MaxDelay = QueueObjective,
        Quantum = denseFlops,
    };

    // Null for none.
    internal BrownoutOptions? BrownoutRange(EffortCurve efforts) => !Brownout ? null : new BrownoutOptions
    {
        Effort = DefaultEffort,
        LeastEffort = Math.Min(DefaultEffort, BrownoutEffort ?? efforts.LeastEffort),
        Objective = QueueObjective,
    };

    internal bool RunsBatches => Executor == ExecutorKind.Batched || (Executor == ExecutorKind.Auto && ComputeDevice.Parse(Device).IsCuda);

    // Alone on a server, a stream finds room for every request that it reads.
    internal int StreamInFlight => (int)Math.Min(MaxStreamInFlight, (long)MaxUnderWay + MaxQueue);

    internal bool HasTls => TlsCertificate.Length > 0;

    internal bool AsksForCertificate => TlsClientCa.Length > 0;

    internal bool AsksForKey => ApiKeys.Length > 0;

    internal bool AsksForCaller => AsksForKey || AsksForCertificate;

    // Where management listens.
    internal string ManagementAddress => HttpBindAddress.Length > 0 ? HttpBindAddress : BindAddress;

    internal int RequestLimit => MaxRequestBytes ?? MaxImageBytes + (64 * 1024);

    internal ImageLimits ImageLimits => new() { MaxBytes = MaxImageBytes, MaxPixels = MaxImagePixels };
}
