using System.Globalization;
using LCNet.Bundles;

namespace LCNet.Cli.Train;

/// <summary>Where a training writes to.</summary>
/// <param name="Name">Model name.</param>
/// <param name="Version">Model version.</param>
/// <param name="Models">Folder of models.</param>
/// <param name="RunFolder">Folder for checkpoints.</param>
/// <param name="Note">What a reader must know of the data; null for nothing.</param>
/// <param name="Half">Whether weights are stored in half precision.</param>
internal sealed record TrainTarget(string Name, int Version, string Models, string RunFolder, string? Note, bool Half)
{
    /// <summary>Where the bundle goes.</summary>
    public string Folder { get; } = Path.Combine(Models, Name, Version.ToString(CultureInfo.InvariantCulture));

    /// <summary>A model name that is like a folder's.</summary>
    public static string NameOf(string folder)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))).ToLowerInvariant();
        string[] words = string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' ? letter : '-')).Split('-', StringSplitOptions.RemoveEmptyEntries);
        string allowed = string.Join('-', words).Trim('.', '_');
        return BundleManifest.IsModelName(allowed) ? allowed : "model";
    }

    /// <summary>Everything that is wrong with it.</summary>
    public IEnumerable<string> Validate()
    {
        if (!BundleManifest.IsModelName(Name))
        {
            yield return $"name: lower-case letters, digits, '.', '_' and '-', not '{Name}'";
        }

        if (Version < 1)
        {
            yield return $"version number: at least 1, not {Version}";
        }

        if (Directory.Exists(Folder))
        {
            yield return $"{Folder} exists: choose another --version-number";
        }
    }
}
