using System.Text.Json.Nodes;

namespace LCNet.Deploy.Tests;

/// <summary>The repository's own files.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>Files under <c>deploy/</c> that are YAML or JSON as they stand, and the compose file; a chart's templates become YAML when they are rendered.</summary>
    public static IEnumerable<string> DataFiles =>
        Directory.EnumerateFiles(PathOf("deploy"), "*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".yaml" or ".yml" or ".json")
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}templates{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Append(PathOf("docker-compose.yml"))
            .Select(file => Path.GetRelativePath(Root, file))
            .Order(StringComparer.Ordinal);

    /// <summary>The version of the build.</summary>
    public static string Version { get; } = Between(Text("Directory.Build.props"), "<Version>", "</Version>");

    public static string PathOf(string path) => Path.Combine(Root, path);

    public static string Text(string path) => File.ReadAllText(PathOf(path));

    public static JsonNode Json(string path) => JsonNode.Parse(Text(path))!;

    /// <summary>The one document of a YAML file.</summary>
    public static JsonNode Yaml(string path) => Assert.Single(YamlDocuments.Parse(Text(path)));

    private static string Between(string text, string start, string end)
    {
        int from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "LCNet.Serving.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("The tests do not run inside the repository.");
    }
}
