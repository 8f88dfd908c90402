using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>Files that documents name are there.</summary>
public sealed partial class DocumentedFilesTests
{
    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories).Append(Repository.PathOf("README.md")).Select(file => Path.GetRelativePath(Repository.Root, file))];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_FilesThatItNames_AreThere(string document) =>
        Assert.All(Names(Repository.Text(document)), file => Assert.True(File.Exists(Repository.PathOf(file)), $"{document} names {file}."));

    [Fact]
    public void Architecture_WayOfARequest_LeadsThroughNineFiles()
    {
        string way = Repository.Text("docs/architecture.md").Split("\n## ").Single(section => section.StartsWith("The way of a request", StringComparison.Ordinal));
        string[] steps = [.. way.Split('\n').Where(line => Step().IsMatch(line))];

        Assert.Equal(9, steps.Length);
        Assert.All(steps, step => Assert.NotEmpty(Names(step)));
    }

    private static string[] Names(string text) => [.. FileName().Matches(text).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"`((?:src|tests|deploy|protos)/[\w./-]+\.\w+)`")]
    private static partial Regex FileName();

    [GeneratedRegex(@"^\d\. `src/")]
    private static partial Regex Step();
}
