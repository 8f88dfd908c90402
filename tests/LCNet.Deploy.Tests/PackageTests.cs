using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>The packages that <c>dotnet pack</c> makes of the client and the tool, installed as their users do it.</summary>
public sealed partial class PackageTests(ServerFace server) : IDisposable
{
    private const string Variable = "LCNET_PACKAGES";
    private static readonly string Image = Repository.PathOf("tests/data/cifar10/horse/0014.jpg");
    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-packages-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Tool_Installed_ClassifiesWithoutLibtorch()
    {
        string packages = Packages();
        await RunAsync("dotnet", "tool", "install", "LCNet.Cli", "--tool-path", _folder, "--add-source", packages);
        string tool = Path.Combine(_folder, "lcnet");

        string help = await RunAsync(tool, "--help");
        string here = await RunAsync(tool, "classify", Image, "--bundle", Directory.GetDirectories(Repository.PathOf("models/cifar10-lcnet")).Single());
        string there = await RunAsync(tool, "classify", Image, "--server", $"http://127.0.0.1:{server.GrpcPort}");

        Assert.Contains("train", help, StringComparison.Ordinal);
        Assert.Contains(": horse ", here, StringComparison.Ordinal);
        Assert.Contains(": horse ", there, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder, "libtorch*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Client_FirstCallOfItsReadMe_WorksAsWritten()
    {
        string packages = Packages();
        string readMe = Repository.Text("src/LCNet.Client/README.md");
        string program = FirstProgram().Match(readMe).Groups[1].Value.Replace("localhost:8001", $"127.0.0.1:{server.GrpcPort.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal);
        Assert.Contains("ClassifyAsync", program, StringComparison.Ordinal);
        File.Copy(Image, Path.Combine(_folder, "horse.jpg"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "Program.cs"), program, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "Try.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <!-- A folder of its own: the one of this user may hold an older package of the same version. -->
                <RestorePackagesPath>{Path.Combine(_folder, "packages")}</RestorePackagesPath>
                <RestoreAdditionalProjectSources>{packages}</RestoreAdditionalProjectSources>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="LCNet.Client" Version="{Repository.Version}" /></ItemGroup>
            </Project>
            """,
            TestContext.Current.CancellationToken);

        string output = await RunAsync("dotnet", "run", "--project", _folder);

        Assert.Matches(@"^horse: 89\.\d", output);
        Assert.Matches(@"of 125,029,504 FLOPs", output);
    }

    private static string Packages()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(folder is null, $"{Variable} does not name a folder with the packages; .ci/run makes them.");
        return folder!;
    }

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder };
        start.Environment["DOTNET_CLI_HOME"] = _folder;
        (int code, string output) = await Programs.RunAsync(start);
        Assert.True(code == 0, output);
        return output;
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex FirstProgram();
}
