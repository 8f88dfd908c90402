using System.Xml.Linq;
using LCNet.Server;

namespace LCNet.Deploy.Tests;

/// <summary>What a build leaves behind.</summary>
public sealed class BuildTests
{
    private const long MiB = 1 << 20;
    private static readonly string Output = Path.GetDirectoryName(typeof(ServerHost).Assembly.Location)!;

    [Fact]
    public void Build_NativeLibraries_AreOfThisSystemAlone()
    {
        string[] foreign = OperatingSystem.IsLinux() ? [".dylib", ".lib", "onnxruntime.dll", "libSkiaSharp.dll"] : OperatingSystem.IsMacOS() ? [".so", "onnxruntime.dll"] : [".so", ".dylib"];
        string[] files = Directory.GetFiles(Output, "*", SearchOption.AllDirectories);

        Assert.Contains(files, file => Path.GetFileName(file).Contains("onnxruntime", StringComparison.Ordinal) && !file.EndsWith("Microsoft.ML.OnnxRuntime.dll", StringComparison.Ordinal));
        Assert.DoesNotContain(files, file => foreign.Any(end => file.EndsWith(end, StringComparison.Ordinal)));
        Assert.False(Directory.Exists(Path.Combine(Output, "runtimes")), "libraries of several systems lie side by side");
    }

    [Fact]
    public void Build_Server_IsSmall()
    {
        string configuration = Output.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
        string server = Repository.PathOf($"src/LCNet.Server/bin/{configuration}/net10.0");

        Assert.InRange(Directory.GetFiles(server, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), MiB, 150 * MiB);
    }

    [Fact]
    public void CudaFlavour_Packages_AreOfOneVersion()
    {
        var versions = XDocument.Parse(Repository.Text("Directory.Packages.props")).Descendants("PackageVersion")
            .Where(package => package.Attribute("Include")!.Value.StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal))
            .ToDictionary(package => package.Attribute("Include")!.Value, package => package.Attribute("Version")!.Value);

        // They share the managed part.
        Assert.Equal(["Microsoft.ML.OnnxRuntime", "Microsoft.ML.OnnxRuntime.Gpu.Linux"], versions.Keys.Order());
        Assert.Single(versions.Values.Distinct());
    }

    [Fact]
    public void CudaFlavour_Build_HasTheProviderOfCuda13AndNoOtherSystemsLibraries()
    {
        string? build = Environment.GetEnvironmentVariable("LCNET_CUDA_BUILD");
        Assert.SkipWhen(string.IsNullOrEmpty(build), "LCNET_CUDA_BUILD does not name a build of the server with -p:Accelerator=cuda; .ci/run makes one.");
        string[] files = Directory.GetFiles(Path.Combine(build, "bin", "LCNet.Server"), "*", SearchOption.AllDirectories);
        string provider = Assert.Single(files, file => Path.GetFileName(file) == "libonnxruntime_providers_cuda.so");

        Assert.Contains(files, file => Path.GetFileName(file) == "LCNet.Server.dll");
        Assert.DoesNotContain(files, file => file.EndsWith("onnxruntime.dll", StringComparison.Ordinal));

        // What it needs is what the image has, and what the README says.
        byte[] needed = "libcublasLt.so.13"u8.ToArray();
        Assert.True(File.ReadAllBytes(provider).AsSpan().IndexOf(needed) > 0, "the provider is not of CUDA 13");
        Assert.Matches(@"FROM nvidia/cuda:13\.\d+\.\d+-cudnn-runtime-", Repository.Text("Dockerfile"));
        Assert.Contains("CUDA 13, cuDNN 9", Repository.Text("README.md"), StringComparison.Ordinal);
    }
}
