using System.Security.Claims;
using System.Text;
using LCNet.Server.Configuration;
using LCNet.Server.Errors;
using LCNet.Server.Hosting;
using LCNet.Server.Security.Keys;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Primitives;

namespace LCNet.Server.Security;

/// <summary>
/// ASP.NET Core's authentication scheme of this server: by API key, by client certificate, or by both, as the options ask for. Only the headers of a request are read.
/// It serves one request, as the framework makes one for each.
/// </summary>
internal sealed class ClientAuthentication(ServerOptions options, ServerEndpoints endpoints, TimeProvider time, AccessRefusals refusals, ReloadedFiles<KeyRing>? keys = null) : IAuthenticationHandler
{
    /// <summary>Name of the scheme.</summary>
    public const string Scheme = "LCNet";

    private static readonly ClaimsPrincipal CertificateHolder = new(new ClaimsIdentity(Scheme));
    private HttpContext _context = null!;
    private AccessProblem? _problem;

    /// <inheritdoc/>
    public Task InitializeAsync(AuthenticationScheme scheme, HttpContext context)
    {
        _context = context;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<AuthenticateResult> AuthenticateAsync()
    {
        ClaimsPrincipal principal = CertificateHolder;
        _problem = options.AsksForCertificate ? CertificateProblem() : null;
        if (_problem is null && keys is not null)
        {
            string? sent = SentKey.Of(_context.Request);
            ApiKey? key = sent is null ? null : keys.Current.Find(sent);
            _problem = sent is null ? AccessProblem.NoKey : key is null ? AccessProblem.WrongKey : null;
            principal = key?.Principal ?? principal;
        }

        return Task.FromResult(_problem is { } problem ? AuthenticateResult.Fail(AccessErrors.TextOf(problem)) : AuthenticateResult.Success(new AuthenticationTicket(principal, Scheme)));
    }

    /// <inheritdoc/>
    public Task ChallengeAsync(AuthenticationProperties? properties) => RefuseAsync(_problem ?? AccessProblem.NoKey, key: null);

    /// <inheritdoc/>
    public Task ForbidAsync(AuthenticationProperties? properties) => RefuseAsync(AccessProblem.NotOperator, ApiKeyIdentity.KeyOf(_context));

    // The handshake has verified it; but a connection may last longer than the certificate.
    private AccessProblem? CertificateProblem() => _context.Connection.ClientCertificate is not { } certificate ? AccessProblem.NoCertificate
        : time.GetUtcNow().UtcDateTime > certificate.NotAfter.ToUniversalTime() ? AccessProblem.WrongCertificate
        : null;

    private Task RefuseAsync(AccessProblem problem, ApiKey? key)
    {
        string remote = $"{_context.Connection.RemoteIpAddress}:{_context.Connection.RemotePort}";
        refusals.Add(problem, key is null ? remote : $"{remote} ({key.Client})", $"{AccessErrors.TextOf(problem)}: {AccessRefusals.Clean(_context.Request.Path)}");
        ServerError error = AccessErrors.Of(problem);
        if (endpoints.IsGrpc(_context))
        {
            GrpcErrors.Write(_context.Response, error);
            return Task.CompletedTask;
        }

        if (problem is AccessProblem.NoKey or AccessProblem.WrongKey)
        {
            // A browser asks its user.
            _context.Response.Headers.WWWAuthenticate = "Basic realm=\"LCNet: the API key as password\", charset=\"UTF-8\"";
        }

        return HttpErrors.WriteAsync(_context, error);
    }
}

/// <summary>The identity of a caller with an API key.</summary>
internal sealed class ApiKeyIdentity(ApiKey key) : ClaimsIdentity([new Claim(DefaultNameClaimType, key.Name)], ClientAuthentication.Scheme)
{
    /// <summary>The key.</summary>
    public ApiKey Key => key;

    /// <summary>The key that a request came with; null where none are asked for.</summary>
    public static ApiKey? KeyOf(HttpContext context) => KeyOf(context.User);

    /// <summary>The key of a caller; null where none are asked for.</summary>
    public static ApiKey? KeyOf(ClaimsPrincipal caller) => (caller.Identity as ApiKeyIdentity)?.Key;
}

/// <summary>Finds the API key among a request's headers.</summary>
internal static class SentKey
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";
    private const int LongestHeader = 2048;

    /// <summary>The key, as <c>authorization: Bearer KEY</c> or, as browsers ask for it, as the password of <c>Basic</c>; null where there is none.</summary>
    public static string? Of(HttpRequest request)
    {
        StringValues values = request.Headers.Authorization;
        if (values.Count != 1 || values[0] is not { Length: <= LongestHeader } value)
        {
            return null;
        }

        return value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? value[Bearer.Length..].Trim()
            : value.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? Password(value[Basic.Length..].Trim())
            : null;
    }

    private static string? Password(string encoded)
    {
        byte[] bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out int length))
        {
            return null;
        }

        string text = Encoding.UTF8.GetString(bytes, 0, length);
        return text.IndexOf(':', StringComparison.Ordinal) is >= 0 and int colon ? text[(colon + 1)..] : null;
    }
}
