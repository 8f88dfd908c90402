using System.Diagnostics;

namespace LCNet.EndToEnd.Tests;

/// <summary>Where things are in this repository, and how its programs are started.</summary>
internal static class Repository
{
#if DEBUG
    private const string Configuration = "Debug";
#else
    private const string Configuration = "Release";
#endif

    public const string Model = "cifar10-lcnet";

    public static string Root { get; } = FindRoot();

    public static string Bundle { get; } = Path.Combine(Root, "models", Model, "1");

    /// <summary>JPEG files that training held back, one folder a class.</summary>
    public static string Samples { get; } = Path.Combine(Root, "tests", "data", "cifar10");

    /// <summary><c>lcnet</c> as it was built, from <see cref="Root"/>.</summary>
    public static string LcnetLibrary { get; } = Path.Combine("src", "LCNet.Cli", "bin", Configuration, "net10.0", "lcnet.dll");

    /// <summary>Starts a project of this repository with <c>dotnet run</c>, as the README does.</summary>
    public static Process Start(string project, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        StartDotnet(["run", "--no-build", "-c", Configuration, "--project", Path.Combine("src", project), "--", .. arguments], environment);

    /// <summary>Starts <c>lcnet</c> itself, so that a signal reaches it.</summary>
    public static Process StartLcnet(IEnumerable<string> arguments) =>

        // Where these tests run in the background of a shell SIGINT is ignored, which the program would inherit.
        StartProgram("env", ["--default-signal=INT", "dotnet", LcnetLibrary, .. arguments], null);

    private static Process StartDotnet(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment) => StartProgram("dotnet", arguments, environment);

    private static Process StartProgram(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var info = new ProcessStartInfo(program)
        {
            WorkingDirectory = Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[key] = value;
        }

        return Process.Start(info)!;
    }

    /// <summary>Runs <c>lcnet</c> to its end.</summary>
    public static Task<(int ExitCode, string Output, string Error)> LcnetAsync(params string[] arguments) => LcnetAsync(new Dictionary<string, string>(), arguments);

    /// <summary>Runs <c>lcnet</c> to its end, with variables of its own.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> LcnetAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        using Process process = StartDotnet([LcnetLibrary, .. arguments], environment);
        return await FinishAsync(process);
    }

    /// <summary>Runs any program to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        using Process process = StartProgram(program, arguments, environment);
        return await FinishAsync(process);
    }

    private static async Task<(int ExitCode, string Output, string Error)> FinishAsync(Process process)
    {
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
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
