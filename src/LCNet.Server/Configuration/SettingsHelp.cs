using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Xml.Linq;

namespace LCNet.Server.Configuration;

/// <summary>What <c>--help</c> prints: every setting with its default, and its documentation, units and range included, as it stands on <see cref="ServerOptions"/>.</summary>
internal static class SettingsHelp
{
    private const int Width = 100;
    private const string Indent = "      ";

    /// <summary>Writes it.</summary>
    public static void Write(TextWriter output)
    {
        output.WriteLine("LCNet.Server: serves LC-Net bundles over gRPC and HTTP.");
        output.WriteLine();
        output.WriteLine("Usage: LCNet.Server [--healthcheck] [--LCNet:Name=value ...]");
        output.WriteLine();
        output.WriteLine("--help         prints this; --help markdown, the same as a page");
        output.WriteLine("--healthcheck  asks the server on this machine whether it takes calls; exit code 0 where it does");
        output.WriteLine();
        output.WriteLine("Settings, each also as LCNet__Name in the environment or in section LCNet of appsettings.json:");
        foreach ((string group, (string Name, string Default, string Text)[] settings) in Groups())
        {
            output.WriteLine();
            output.WriteLine($"{group}:");
            foreach ((string name, string value, string text) in settings)
            {
                output.WriteLine();
                output.WriteLine($"  --LCNet:{name}={value}");
                Wrap(output, text);
            }
        }
    }

    /// <summary>Writes the page of the documentation, <c>docs/settings.md</c>, which a test holds to this.</summary>
    public static void WriteMarkdown(TextWriter output)
    {
        output.WriteLine("# Settings");
        output.WriteLine();
        output.WriteLine("Each is `--LCNet:Name=value` on the command line, `LCNet__Name` in the environment, or `Name` in section `LCNet` of `appsettings.json`; the former win. They are read once, and every");
        output.WriteLine("problem is reported at the start. This page is what `LCNet.Server --help markdown` prints.");
        foreach ((string group, (string Name, string Default, string Text)[] settings) in Groups())
        {
            output.WriteLine();
            output.WriteLine($"## {group}");
            output.WriteLine();
            output.WriteLine("| setting | default | |");
            output.WriteLine("| --- | --- | --- |");
            foreach ((string name, string value, string text) in settings)
            {
                // The folder depends on where the program lies.
                output.WriteLine($"| `{name}` | {(value.Length == 0 || name == nameof(ServerOptions.Models) ? string.Empty : $"`{value}`")} | {string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Replace("<", "&lt;", StringComparison.Ordinal)} |");
            }
        }
    }

    private static IEnumerable<(string Group, (string Name, string Default, string Text)[] Settings)> Groups()
    {
        Dictionary<string, XElement> documentation = Documentation();
        var defaults = new ServerOptions();
        return ServerOptions.Settings.GroupBy(setting => setting.GetCustomAttribute<CategoryAttribute>()!.Category).Select(group => (group.Key, group.Select(setting =>
            (setting.Name, Value(setting.GetValue(defaults)), documentation.TryGetValue(setting.Name, out XElement? summary) ? Text(summary) : string.Empty)).ToArray()));
    }

    // As a setting is written.
    private static string Value(object? value) => value switch
    {
        null => string.Empty,
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    // The compiler writes it beside the program; without it there are names and defaults.
    private static Dictionary<string, XElement> Documentation()
    {
        string path = Path.ChangeExtension(Path.Combine(AppContext.BaseDirectory, typeof(SettingsHelp).Assembly.ManifestModule.Name), ".xml");
        string prefix = $"P:{typeof(ServerOptions).FullName}.";
        return !File.Exists(path) ? [] : XDocument.Load(path).Descendants("member")
            .Where(member => member.Attribute("name")!.Value.StartsWith(prefix, StringComparison.Ordinal) && member.Element("summary") is not null)
            .ToDictionary(member => member.Attribute("name")!.Value[prefix.Length..], member => member.Element("summary")!, StringComparer.Ordinal);
    }

    private static string Text(XElement summary) => string.Concat(summary.Nodes().Select(node => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" } see => see.Attribute("cref")!.Value.Split('.')[^1],
        XElement element => element.Value,
        _ => string.Empty,
    }));

    private static void Wrap(TextWriter output, string text)
    {
        var line = new StringBuilder();
        foreach (string word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && Indent.Length + line.Length + 1 + word.Length > Width)
            {
                output.WriteLine(Indent + line);
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : string.Empty).Append(word);
        }

        output.WriteLine(Indent + line);
    }
}
