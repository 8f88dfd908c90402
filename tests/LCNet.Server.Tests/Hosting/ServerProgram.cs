using System.Diagnostics;
using System.Globalization;

namespace LCNet.Server.Tests;

/// <summary>The server as a program of its own. Killed when disposed, where it still runs.</summary>
internal sealed class ServerProgram : IDisposable
{
    private readonly Process _process;
    private readonly CancellationTokenRegistration _limit;
    private readonly Task<string> _errors;

    public ServerProgram(params string[] arguments)
        : this(new Dictionary<string, string>(), arguments)
    {
    }

    public ServerProgram(IReadOnlyDictionary<string, string> environment, params string[] arguments)
        : this([], environment, arguments)
    {
    }

    /// <summary>Starts it by way of another program, whose arguments end with it.</summary>
    public ServerProgram(IReadOnlyList<string> launcher, IReadOnlyDictionary<string, string> environment, params string[] arguments)
        : this(launcher, Path.Combine(AppContext.BaseDirectory, "LCNet.Server.dll"), environment, arguments)
    {
    }

    /// <summary>Starts another build of it.</summary>
    /// <param name="server">Its assembly.</param>
    public ServerProgram(IReadOnlyList<string> launcher, string server, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        string[] command = [.. launcher, "dotnet"];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        start.ArgumentList.Add(server);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_RUNNING_IN_CONTAINER"] = "false";
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _errors = _process.StandardError.ReadToEndAsync();
        _limit = TestContext.Current.CancellationToken.Register(() => _process.Kill());
    }

    /// <summary>Reads the next line of standard output.</summary>
    public async Task<string?> ReadLineAsync() => await _process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);

    /// <summary>Waits for the program to end by itself.</summary>
    public async Task<(int Code, string[] Output, string[] Errors)> WaitAsync()
    {
        string output = await _process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (_process.ExitCode, Lines(output), Lines(await _errors));
    }

    /// <summary>Waits for the program to end by itself, while somebody else reads its output.</summary>
    public async Task<int> WaitForExitAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Sends SIGTERM.</summary>
    public void Terminate()
    {
        using Process kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Ends it as a crash would.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        _limit.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
