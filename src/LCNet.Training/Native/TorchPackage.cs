using System.Diagnostics;
using System.Reflection;
using System.Text.Json;

namespace LCNet.Training.Native;

/// <summary>
/// Finds libtorch where it is not part of the program: in NuGet's folder of packages, to which it is downloaded once. Half a gigabyte that training alone needs is no part of a tool that also classifies.
/// </summary>
internal static class TorchPackage
{
    private const string Marker = "libtorch_cpu.so";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);

    // For example libtorch-cpu-linux-x64/2.10.0, from the build.
    private static readonly string Package = typeof(TorchPackage).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(data => data.Key == "TorchPackage").Value!;

    /// <summary>The folder of its libraries.</summary>
    /// <param name="downloading">Told what is done where it takes minutes; null for nobody.</param>
    /// <exception cref="DllNotFoundException">It is not there and cannot be downloaded.</exception>
    public static string FindOrDownload(Action<string>? downloading)
    {
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        return Native(packages) ?? Download(downloading);
    }

    private static string? Native(string packages)
    {
        string folder = Path.Combine(packages, Path.Combine(Package.Split('/')), "runtimes", "linux-x64", "native");
        return File.Exists(Path.Combine(folder, Marker)) ? folder : null;
    }

    // By the user's own NuGet, with its sources and proxies, and those of the folder that the program was started in.
    private static string Download(Action<string>? downloading)
    {
        downloading?.Invoke($"Downloading {Package.Replace('/', ' ')}, 0.13 GB that training needs, once.");
        string folder = Directory.CreateTempSubdirectory("lcnet-restore-").FullName;
        try
        {
            string[] parts = Package.Split('/');
            string project = Path.Combine(folder, "libtorch.csproj");
            File.WriteAllText(
                project,
                $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
                  <ItemGroup><PackageReference Include="{parts[0]}" Version="{parts[1]}" /></ItemGroup>
                </Project>
                """);
            Restore(project);
            using var assets = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "obj", "project.assets.json")));
            return assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(packages => Native(packages.Name)).FirstOrDefault(found => found is not null)
                ?? throw new DllNotFoundException($"{Package}: the package has no {Marker}.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Restore(string project)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet") { RedirectStandardOutput = true };
        foreach (string argument in new[] { "restore", project, "--verbosity", "quiet", $"-p:RestoreRootConfigDirectory={Environment.CurrentDirectory}" })
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Start(start);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new DllNotFoundException($"{Package}: was not downloaded within {Limit.TotalMinutes} minutes.");
        }

        if (process.ExitCode != 0)
        {
            throw new DllNotFoundException($"{Package}: could not be downloaded: {output.GetAwaiter().GetResult().Trim().ReplaceLineEndings(" ")}");
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new DllNotFoundException($"{Package}: training needs it, and the .NET SDK, which downloads it, is not there: {exception.Message}", exception);
        }
    }
}
