namespace LCNet.Server.Configuration;

/// <summary>
/// The server's command line: settings as <c>--LCNet:Name=value</c> or <c>--LCNet:Name value</c>, the same for variables of OpenTelemetry (<c>--OTEL_NAME=value</c>), <c>--help</c>,
/// and <c>--healthcheck</c> in front of the same settings.
/// The framework would take any other word for a setting of somebody else's, and say nothing.
/// </summary>
internal static class CommandLine
{
    private const string Prefix = $"--{ServerOptions.Section}:";
    private static readonly string[] Help = ["--help", "-h", "-?"];
    private static readonly HashSet<string> Settings =
        new(ServerOptions.Settings.Select(setting => setting.Name), StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether it asks for help, whatever else it says.</summary>
    public static bool AsksForHelp(string[] args) => args.Any(Help.Contains);

    /// <summary>Checks it, before the framework reads it.</summary>
    /// <exception cref="ServerOptionsException">It has words that are no settings; each is named.</exception>
    public static void Check(string[] args)
    {
        List<string> problems = [];
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i].Split('=')[0];
            if (!name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) && !name.StartsWith("--OTEL_", StringComparison.Ordinal))
            {
                string bare = name.TrimStart('-', '/');
                string? meant = Settings.FirstOrDefault(setting => setting.Equals(bare, StringComparison.OrdinalIgnoreCase));
                problems.Add(meant is null ? $"{Cut(args[i])}: there is no such option; --help lists all" : $"{Cut(args[i])}: there is no such option; {Prefix}{meant} is meant, perhaps");
            }
            else if (!args[i].Contains('=', StringComparison.Ordinal))
            {
                i++;
                if (i == args.Length || args[i].StartsWith("--", StringComparison.Ordinal))
                {
                    problems.Add($"{name}: has no value");
                    i--;
                }
            }
        }

        if (problems.Count > 0)
        {
            throw new ServerOptionsException(problems);
        }
    }

    private static string Cut(string text) => text.Length <= 100 ? text : $"{text.AsSpan(0, 100)}…";
}
