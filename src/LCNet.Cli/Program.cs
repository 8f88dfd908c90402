using System.CommandLine;
using Grpc.Core;
using LCNet.Bundles;
using LCNet.Cli.Bench;
using LCNet.Cli.Classify;
using LCNet.Cli.Evaluate;
using LCNet.Cli.Inspect;
using LCNet.Cli.Load;
using LCNet.Cli.Train;
using LCNet.Imaging;
using LCNet.Runtime;

var root = new RootCommand("Train, evaluate, inspect and run networks that decide, image by image, how much of themselves to run.")
{
    TrainCommand.Create(),
    EvaluateCommand.Create(),
    InspectCommand.Create(),
    ClassifyCommand.Create(),
    BenchCommand.Create(),
    LoadCommand.Create(),
};

try
{
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration
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
    await Console.Error.WriteLineAsync($"The server answered {exception.StatusCode}: {exception.Status.Detail}");
    return 1;
}
catch (Exception exception) when (exception is BundleException or DeviceException or ImageFormatException or InvalidDataException
    or ArgumentException or IOException or UnauthorizedAccessException or DllNotFoundException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 1;
}
