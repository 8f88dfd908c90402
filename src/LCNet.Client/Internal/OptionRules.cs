using Microsoft.Extensions.Options;

namespace LCNet.Client.Internal;

/// <summary>What must hold of the options. Every breach is reported, not only the first. Thread-safe.</summary>
internal sealed class OptionRules : IValidateOptions<LcNetClientOptions>
{
    private const int MaxAttempts = 5;
    private const int MaxInFlight = 100_000;
    private static readonly string[] Web = [Uri.UriSchemeHttp, Uri.UriSchemeHttps];

    public ValidateOptionsResult Validate(string? name, LcNetClientOptions options)
    {
        IReadOnlyList<string> problems = [.. CheckAddresses(options), .. CheckCalls(options)];
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    /// <summary>Checks all but the addresses.</summary>
    /// <returns>A line a problem, each beginning with the option's name.</returns>
    public static IReadOnlyList<string> CheckCalls(LcNetClientOptions options)
    {
        var problems = new List<string>();
        void Require(bool good, string problem)
        {
            if (!good)
            {
                problems.Add(problem);
            }
        }

        Require(options.DnsRefresh >= TimeSpan.FromSeconds(1), $"DnsRefresh: {options.DnsRefresh} is below 1 second");
        Require(options.Timeout is null || options.Timeout > TimeSpan.Zero, $"Timeout: {options.Timeout} is not above zero");
        Require(options.MaxAttempts is >= 1 and <= MaxAttempts, $"MaxAttempts: {options.MaxAttempts} is outside 1 to {MaxAttempts}");
        Require(options.InitialBackoff > TimeSpan.Zero, $"InitialBackoff: {options.InitialBackoff} is not above zero");
        Require(options.MaxBackoff >= options.InitialBackoff, $"MaxBackoff: {options.MaxBackoff} is below InitialBackoff, {options.InitialBackoff}");
        Require(options.MaxInFlight is >= 1 and <= MaxInFlight, $"MaxInFlight: {options.MaxInFlight} is outside 1 to {MaxInFlight}");
        Require(options.Streams >= 1 && options.Streams <= options.MaxInFlight, $"Streams: {options.Streams} is outside 1 to MaxInFlight, {options.MaxInFlight}");
        return problems;
    }

    private static IEnumerable<string> CheckAddresses(LcNetClientOptions options)
    {
        if (options.Addresses.Count == 0)
        {
            yield return "Addresses: there is none";
        }

        foreach (Uri address in options.Addresses)
        {
            bool single = options.Addresses.Count == 1;
            bool good = address.IsAbsoluteUri
                && (Web.Contains(address.Scheme) ? address.Host.Length > 0 && address.AbsolutePath == "/" : single && IsDns(address));
            if (!good)
            {
                yield return $"Addresses: '{address}' is none of http://host:port, https://host:port and, alone, dns:///host:port";
            }
        }

        if (options.Addresses.Where(address => address.IsAbsoluteUri).Select(address => address.Scheme).Distinct().Count() > 1)
        {
            yield return "Addresses: they have several schemes; all must have one";
        }
    }

    private static bool IsDns(Uri address) => address.Scheme == ChannelSettings.DnsScheme && address.AbsolutePath.Trim('/').Length > 0;
}
