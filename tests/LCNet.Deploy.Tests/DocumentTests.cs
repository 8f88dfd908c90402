using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>What documents point to is there.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents => [.. Directory
        .EnumerateFiles(Repository.PathOf("."), "*.md", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden })
        .Select(file => Path.GetRelativePath(Repository.PathOf("."), file))
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "node_modules"))];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_LinksToFilesAndHeadings_FindsThem(string document)
    {
        string text = Code().Replace(File.ReadAllText(Repository.PathOf(document)), string.Empty);
        foreach (Match link in Links().Matches(text))
        {
            string path = link.Groups["path"].Value;
            string target = path.Length == 0 ? Repository.PathOf(document) : Path.Combine(Path.GetDirectoryName(Repository.PathOf(document))!, path);
            Assert.True(File.Exists(target) || Directory.Exists(target), $"{document} points to {path}, which is not there.");
            if (link.Groups["heading"] is { Success: true, Value: string heading })
            {
                Assert.Contains(heading, File.ReadLines(target).Where(line => line.StartsWith('#')).Select(Anchor));
            }
        }
    }

    // As GitHub names headings.
    private static string Anchor(string heading) =>
        NotInAnchors().Replace(heading.TrimStart('#').Trim(), string.Empty).Replace(' ', '-').ToLowerInvariant();

    [GeneratedRegex(@"\]\((?!https?:)(?<path>[^)#\s]*)(#(?<heading>[^)\s]+))?\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"```.*?```|`[^`\n]*`", RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"[^\w\s-]")]
    private static partial Regex NotInAnchors();
}
