using System.Net;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using LCNet.Server.Hosting;
using LCNet.V1;
using Microsoft.Extensions.DependencyInjection;

namespace LCNet.Server.Tests;

/// <summary>Somebody who calls a server, with a key or a certificate or neither, over connections of their own.</summary>
internal sealed class Somebody : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly string? _key;

    /// <summary>Connects, with the first call.</summary>
    /// <param name="server">The server.</param>
    /// <param name="key">Sent with each call; null for none.</param>
    /// <param name="authority">Of the server's certificate; null for calls without TLS.</param>
    /// <param name="certificate">The caller's own; null for none.</param>
    public Somebody(TestServer server, string? key = null, TestAuthority? authority = null, X509Certificate2? certificate = null)
    {
        _key = key;
        ServerEndpoints endpoints = server.App.Services.GetRequiredService<ServerEndpoints>();
        string scheme = authority is null ? "http" : "https";
        GrpcAddress = new Uri($"{scheme}://{endpoints.Grpc}");
        _channel = GrpcChannel.ForAddress(GrpcAddress, new GrpcChannelOptions { HttpHandler = Handler(authority, certificate), DisposeHttpClient = true });
        Client = new Classifier.ClassifierClient(_channel);
        Http = new HttpClient(Handler(authority, certificate)) { BaseAddress = new Uri($"{scheme}://{endpoints.Http}") };
    }

    public Uri GrpcAddress { get; }

    public ChannelBase Channel => _channel;

    public Classifier.ClassifierClient Client { get; }

    public HttpClient Http { get; }

    /// <summary>The server's certificate as the latest connection saw it.</summary>
    public string? Presented { get; private set; }

    public Metadata Headers => _key is null ? [] : new Metadata { { "authorization", $"Bearer {_key}" } };

    public async Task<ClassifyResponse> ClassifyAsync(int seed = 1) =>
        await Client.ClassifyAsync(TestImages.Png(seed), Headers, TestServer.Deadline, TestContext.Current.CancellationToken);

    /// <summary>Classifies, and gives the status whatever it is.</summary>
    public async Task<Status> StatusAsync()
    {
        try
        {
            await ClassifyAsync();
            return Status.DefaultSuccess;
        }
        catch (RpcException exception)
        {
            return exception.Status;
        }
    }

    public Task<HttpStatusCode> GetAsync(string path, string? authorization = null) => AskAsync(HttpMethod.Get, path, authorization);

    public Task<HttpStatusCode> PostAsync(string path, string? authorization = null) => AskAsync(HttpMethod.Post, path, authorization);

    public void Dispose()
    {
        Http.Dispose();
        _channel.Dispose();
    }

    private async Task<HttpStatusCode> AskAsync(HttpMethod method, string path, string? authorization)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using HttpResponseMessage response = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    private SocketsHttpHandler Handler(TestAuthority? authority, X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (authority is not null)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, _) =>
            {
                Presented = presented?.Subject;
                return authority.Trusts(presented);
            };
        }

        if (certificate is not null)
        {
            handler.SslOptions.ClientCertificates = [certificate];
        }

        return handler;
    }
}
