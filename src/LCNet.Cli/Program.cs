using System.CommandLine;
using System.Globalization;
using Grpc.Core;
using LCNet.Bundles;
using LCNet.Cli;
using LCNet.Cli.Bench;
using LCNet.Cli.Classify;
using LCNet.Cli.Evaluate;
using LCNet.Cli.Inspect;
using LCNet.Cli.Load;
using LCNet.Cli.Train;
using LCNet.Imaging;
using LCNet.Runtime.Execution;

var root = new RootCommand("Train, evaluate, inspect and run networks that decide, image by image, how much of themselves to run.")
{
    TrainCommand.Create(),
    EvaluateCommand.Create(),
    InspectCommand.Create(),
    ClassifyCommand.Create(),
    BenchCommand.Create(),
    LoadCommand.Create(),
};

// Numbers look the same whatever the language of the machine: what is printed can be given back.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;

try
{
    ParseResult parsed = root.Parse(args is [] ? ["--help"] : args);

    // What begins with two dashes and is no option is a misspelt one, not the name of a file.
    IEnumerable<string> misspelt = parsed.CommandResult.Tokens.Where(token => token.Value.StartsWith("--", StringComparison.Ordinal)).Select(token => $"{token.Value}: there is no such option.");
    string[] problems = [.. misspelt, .. parsed.Errors.Select(error => error.Message.ReplaceLineEndings(" ")).Distinct()];
    if (problems.Length > 0)
    {
        await Console.Error.WriteLineAsync(string.Join(' ', problems));
        return 1;
    }

    return await parsed.InvokeAsync(new InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false,

        // A training that is told to stop does so after a step, but measuring an epoch takes longer.
        ProcessTerminationTimeout = TimeSpan.FromMinutes(1),
    });
}
catch (OperationCanceledException)
{
    await Console.Error.WriteLineAsync("Stopped.");
    return 130;
}
catch (RpcException exception)
{
    await Console.Error.WriteLineAsync(ServerProblem.Of(exception));
    return 1;
}
catch (Exception exception) when (exception is BundleException or DeviceException or ImageFormatException or InvalidDataException
    or ArgumentException or IOException or UnauthorizedAccessException or DllNotFoundException)
{
    await Console.Error.WriteLineAsync(exception.Message.ReplaceLineEndings(" "));
    return 1;
}
catch (Exception exception)
{
    await Console.Error.WriteLineAsync($"lcnet failed, which is a fault of its own: {exception}");
    return 1;
}
