using System.Runtime.CompilerServices;
using LCNet.Training.Native;
using TorchSharp;
using Xunit.Sdk;
using Xunit.v3;

// Torch has one random generator and one thread pool a process: tests take turns.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace LCNet.Training.Tests.Synthetic;

internal static class TorchSetup
{
    [ModuleInitializer]
    internal static void Load()
    {
        TorchLibrary.EnsureLoaded();
        torch.set_num_threads(1);
    }
}
