using System.Runtime.InteropServices;

namespace LCNet.Training.Native;

/// <summary>Loads TorchSharp's native libraries, also where the C++ runtime is older than the one they were built with.</summary>
/// <remarks>
/// TorchSharp 0.107's shim asks for <c>GLIBCXX_3.4.32</c> (GCC 13) for the sake of one symbol that is never called; Debian 12 and
/// Ubuntu 22.04 stop at 3.4.30. There a private copy of the shim with that requirement marked weak is loaded instead. The later
/// look-ups of TorchSharp find it by its shared-object name. Nothing stays on disk.
/// </remarks>
public static partial class TorchLibrary
{
    private const string MissingVersion = "GLIBCXX_3.4.32";
    private const string Shim = "libLibTorchSharp.so";

    // Parameters of mallopt, from glibc's malloc.h.
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MmapMax = -4;
    private const int ArenaMax = -8;

    // In the order in which they need each other; those for CUDA are there in some builds only.
    private static readonly string[] Needed = ["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"];
    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>Makes TorchSharp usable in this process. Call it before the first use of TorchSharp. Thread-safe and idempotent.</summary>
    /// <param name="downloading">Told where libtorch is neither beside the program nor among NuGet's packages, and is downloaded; null for nobody.</param>
    /// <exception cref="DllNotFoundException">The libraries cannot be found, downloaded or loaded on this system.</exception>
    public static void EnsureLoaded(Action<string>? downloading = null)
    {
        lock (Gate)
        {
            if (_loaded)
            {
                return;
            }

            if (OperatingSystem.IsLinux())
            {
                KeepFreedMemory();
                string folder = FindBesideProgram(Shim) ?? throw new DllNotFoundException($"{Shim} is not beside the program.");
                LoadShim(folder, FindBesideProgram("libtorch_cpu.so") ?? TorchPackage.FindOrDownload(downloading));
            }

            TorchSharp.torch.InitializeDeviceType(TorchSharp.DeviceType.CPU);
            _loaded = true;
        }
    }

    // A training step frees and takes again the same large buffers. By default glibc returns them to the system each time and pays for the
    // page faults: a quarter of a step's time, measured on ResNet-20 with batches of 128. What is kept is shared by all threads: a heap a thread had each what its largest step once took.
    private static void KeepFreedMemory()
    {
        try
        {
            _ = SetMallocOption(MmapMax, 0);
            _ = SetMallocOption(ArenaMax, 1);
            _ = SetMallocOption(TrimThreshold, int.MaxValue);
            _ = SetMallocOption(TopPad, 64 * 1024 * 1024);
        }
        catch (Exception exception) when (exception is EntryPointNotFoundException or DllNotFoundException)
        {
            // Another C library (musl): nothing to tune.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetMallocOption(int parameter, int value);

    private static void LoadShim(string folder, string torch)
    {
        string path = Path.Combine(folder, Shim);
        if (folder == torch && NativeLibrary.TryLoad(path, out _))
        {
            return;
        }

        // The shim's own search path names its folder alone, so what it needs from another one is loaded first.
        foreach (string needed in Needed.Where(name => File.Exists(Path.Combine(torch, name))))
        {
            NativeLibrary.Load(Path.Combine(torch, needed));
        }

        if (NativeLibrary.TryLoad(path, out _))
        {
            return;
        }

        byte[] image = File.ReadAllBytes(path);
        if (ElfVersionNeeds.MakeWeak(image, MissingVersion) == 0)
        {
            NativeLibrary.Load(path);
            return;
        }

        string copy = Path.Combine(Directory.CreateTempSubdirectory("lcnet-torch-").FullName, Shim);
        try
        {
            File.WriteAllBytes(copy, image);
            NativeLibrary.Load(copy);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);
        }
    }

    private static string? FindBesideProgram(string file)
    {
        string[] candidates =
        [
            Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"),
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"),
            AppContext.BaseDirectory,
        ];
        return candidates.FirstOrDefault(folder => File.Exists(Path.Combine(folder, file)));
    }
}
