using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using LCNet.V1;

namespace LCNet.Client.Internal;

/// <summary>Turns options into the settings of a channel.</summary>
internal static class ChannelSettings
{
    public const string DnsScheme = "dns";

    // An image may be larger than gRPC's own limits, beyond which a call is not retried.
    private const long RetryBytesPerCall = 64 * 1024 * 1024;
    private const long RetryBytes = 4 * RetryBytesPerCall;

    /// <summary>The address of a channel; <see cref="ServerResolverFactory"/> knows what is behind it where there are several servers.</summary>
    public static Uri Address(LcNetClientOptions options) =>
        IsBalanced(options) ? new Uri($"{ServerResolverFactory.Scheme}:///{Authority(options)}") : options.Addresses[0];

    /// <summary>Sets up a channel.</summary>
    public static void Apply(LcNetClientOptions options, GrpcChannelOptions channel)
    {
        channel.MaxSendMessageSize = null;
        channel.MaxRetryBufferPerCallSize = RetryBytesPerCall;
        channel.MaxRetryBufferSize = RetryBytes;
        channel.ServiceConfig = new ServiceConfig();
        if (options.MaxAttempts > 1)
        {
            channel.ServiceConfig.MethodConfigs.Add(Retries(options));
        }

        if (IsBalanced(options))
        {
            channel.Credentials = IsSecure(options) ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
            channel.ServiceConfig.LoadBalancingConfigs.Add(new RoundRobinConfig());
        }
    }

    /// <summary>As <see cref="LcNetClient.CreateHandler"/> says.</summary>
    public static SocketsHttpHandler CreateHandler() => new()
    {
        Proxy = new LoopbackBypass(HttpClient.DefaultProxy),
        EnableMultipleHttp2Connections = true,
        KeepAlivePingDelay = TimeSpan.FromSeconds(20),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
    };

    // A stream is not among them: BulkCall sends again what a stream that breaks leaves unanswered.
    private static MethodConfig Retries(LcNetClientOptions options)
    {
        string service = Classifier.Descriptor.FullName;
        return new MethodConfig
        {
            Names =
            {
                new MethodName { Service = service, Method = nameof(Classifier.ClassifierClient.Classify) },
                new MethodName { Service = service, Method = nameof(Classifier.ClassifierClient.ListModels) },
                new MethodName { Service = service, Method = nameof(Classifier.ClassifierClient.GetModel) },
            },
            RetryPolicy = new RetryPolicy
            {
                MaxAttempts = options.MaxAttempts,
                InitialBackoff = options.InitialBackoff,
                MaxBackoff = options.MaxBackoff,
                BackoffMultiplier = Backoff.Multiplier,
                RetryableStatusCodes = { StatusCode.Unavailable, StatusCode.ResourceExhausted },
            },
        };
    }

    private static bool IsBalanced(LcNetClientOptions options) => options.Addresses.Count > 1 || options.Addresses[0].Scheme == DnsScheme;

    private static bool IsSecure(LcNetClientOptions options) =>
        options.Addresses[0].Scheme == DnsScheme ? options.Tls : options.Addresses[0].Scheme == Uri.UriSchemeHttps;

    // For DNS the name that is looked up; the resolver ignores it otherwise.
    private static string Authority(LcNetClientOptions options) =>
        options.Addresses[0].Scheme == DnsScheme ? options.Addresses[0].AbsolutePath.Trim('/') : options.Addresses[0].Authority;
}
