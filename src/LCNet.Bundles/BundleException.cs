namespace LCNet.Bundles;

/// <summary>A bundle cannot be used. The message is one line that names every problem and its file.</summary>
public sealed class BundleException : Exception
{
    /// <summary>Makes the exception from its problems.</summary>
    /// <param name="problems">At least one; each begins with the file it is about.</param>
    public BundleException(string folder, IReadOnlyList<string> problems)
        : base($"Bundle {folder} is refused: {string.Join("; ", problems ?? throw new ArgumentNullException(nameof(problems)))}".ReplaceLineEndings(" "))
    {
        Folder = folder;
        Problems = [.. problems.Select(problem => problem.ReplaceLineEndings(" "))];
    }

    /// <summary>The bundle's folder.</summary>
    public string Folder { get; }

    /// <summary>All problems, each beginning with the file it is about.</summary>
    public IReadOnlyList<string> Problems { get; }
}
