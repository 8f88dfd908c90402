using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Reflection;
using LCNet.Runtime.Execution;
using LCNet.Server.Hosting;

namespace LCNet.Server.Configuration;

/// <summary>
/// Reads the settings and holds them to the ranges that <see cref="ServerOptions"/> is annotated with. Every problem is reported, not only the first, which is why the framework's binder does not do it: it throws at the first value that it cannot
/// convert.
/// </summary>
internal sealed class ServerOptionsReader
{
    private readonly IConfigurationSection _section;
    private readonly List<string> _problems = [];

    private ServerOptionsReader(IConfiguration configuration) => _section = configuration.GetSection(ServerOptions.Section);

    /// <summary>The settings, with defaults for those that are absent or empty.</summary>
    /// <exception cref="ServerOptionsException">A setting is unknown, unreadable or out of range.</exception>
    public static ServerOptions Read(IConfiguration configuration)
    {
        var reader = new ServerOptionsReader(configuration);
        ServerOptions options = reader.Bind();
        reader.CheckTogether(options);
        if (configuration.GetSection("Kestrel").GetChildren().Any())
        {
            // Kestrel would open further ports by it, outside TLS and limits.
            reader._problems.Add($"Kestrel: is not read, neither from files nor from the environment (Kestrel__…); the ports are {ServerOptions.Section}:{nameof(ServerOptions.GrpcPort)} and {ServerOptions.Section}:{nameof(ServerOptions.HttpPort)}");
        }

        return reader._problems.Count == 0 ? options : throw new ServerOptionsException(reader._problems);
    }

    private ServerOptions Bind()
    {
        var options = new ServerOptions();
        foreach (PropertyInfo setting in ServerOptions.Settings)
        {
            if (_section[setting.Name] is { } text && !string.IsNullOrWhiteSpace(text))
            {
                Set(options, setting, text.Trim());
            }
        }

        foreach (IConfigurationSection other in _section.GetChildren().ExceptBy(ServerOptions.Settings.Select(setting => setting.Name), given => given.Key, StringComparer.OrdinalIgnoreCase))
        {
            Require(false, other.Key, "there is no such setting");
        }

        return options;
    }

    // A value in error is left at its default, so that nothing that follows from it is reported besides.
    private void Set(ServerOptions options, PropertyInfo setting, string text)
    {
        RangeAttribute? range = setting.GetCustomAttribute<RangeAttribute>();
        Type type = Nullable.GetUnderlyingType(setting.PropertyType) ?? setting.PropertyType;
        object? value = Parse(type, text);
        if (value is not null && range?.IsValid(value) != false)
        {
            setting.SetValue(options, value);
            return;
        }

        string expected = type.IsEnum ? $"none of {string.Join(", ", Enum.GetNames(type))}"
            : type == typeof(bool) ? "neither true nor false"
            : type == typeof(TimeSpan) ? $"not a duration from {Bound(range!.Minimum):c} to {Bound(range.Maximum):c}"
            : type == typeof(double) ? $"not a number in {(range!.MinimumIsExclusive ? '(' : '[')}{range.Minimum}, {range.Maximum}{(range.MaximumIsExclusive ? ')' : ']')}"
            : $"not a whole number from {range!.Minimum} to {range.Maximum}";
        Require(false, setting.Name, $"'{text}' is {expected}");
    }

    private static object? Parse(Type type, string text)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        if (type == typeof(string))
        {
            return text;
        }

        if (type.IsEnum)
        {
            return Enum.GetNames(type).Contains(text, StringComparer.OrdinalIgnoreCase) ? Enum.Parse(type, text, ignoreCase: true) : null;
        }

        if (type == typeof(TimeSpan))
        {
            // A bare number would be days.
            return text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, culture, out TimeSpan time) ? time : null;
        }

        return type == typeof(bool) ? bool.TryParse(text, out bool flag) ? flag : null
            : type == typeof(double) ? double.TryParse(text, NumberStyles.Float, culture, out double number) ? number : null
            : type == typeof(long) ? long.TryParse(text, NumberStyles.Integer, culture, out long large) ? large : null
            : int.TryParse(text, NumberStyles.Integer, culture, out int whole) ? whole : null;
    }

    private static TimeSpan Bound(object bound) => bound is TimeSpan time ? time : TimeSpan.Parse((string)bound, CultureInfo.InvariantCulture);

    private void CheckTogether(ServerOptions options)
    {
        CheckDevice(options.Device);
        CheckAddress(nameof(ServerOptions.BindAddress), options.BindAddress);
        if (options.HttpBindAddress.Length > 0)
        {
            CheckAddress(nameof(ServerOptions.HttpBindAddress), options.HttpBindAddress);
        }

        Require(
            options.GrpcPort != options.HttpPort || options.GrpcPort == 0,
            nameof(ServerOptions.HttpPort),
            $"{options.HttpPort} is {nameof(ServerOptions.GrpcPort)} too; each needs a port of its own");
        Require(
            options.RequestLimit >= options.MaxImageBytes,
            nameof(ServerOptions.MaxRequestBytes),
            $"{options.RequestLimit} is below {nameof(ServerOptions.MaxImageBytes)}, {options.MaxImageBytes}");
        Require(
            options.HasTls == options.TlsKey.Length > 0,
            nameof(ServerOptions.TlsKey),
            $"{nameof(ServerOptions.TlsCertificate)} and {nameof(ServerOptions.TlsKey)} are given together or not at all");
        Require(options.MinAgreement is null || options.ShadowRate > 0, nameof(ServerOptions.MinAgreement), $"needs a {nameof(ServerOptions.ShadowRate)} above 0, by which agreement is measured");
        Require(options.HasTls || !options.AsksForCertificate, nameof(ServerOptions.TlsClientCa), $"needs {nameof(ServerOptions.TlsCertificate)}");
    }

    private void CheckAddress(string name, string address) =>
        Require(address == ServerEndpoints.AnyAddress || IPAddress.TryParse(address, out _), name, $"'{address}' is neither an IP address nor {ServerEndpoints.AnyAddress}");

    private void CheckDevice(string device)
    {
        try
        {
            ComputeDevice.Parse(device);
        }
        catch (DeviceException exception)
        {
            Require(false, nameof(ServerOptions.Device), exception.Message);
        }
    }

    private void Require(bool good, string name, string problem)
    {
        if (!good)
        {
            _problems.Add($"{ServerOptions.Section}:{name}: {problem}".ReplaceLineEndings(" "));
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
