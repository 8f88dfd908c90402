using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>The image that <c>dotnet publish /t:PublishContainer</c> writes: its configuration, and its program, run as the image would run it as far as a machine without an engine can.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed partial class ContainerImageTests : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("lcnet-image-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (string folder in Directory.GetDirectories(_folder, "*", SearchOption.AllDirectories))
        {
            File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Image_Published_IsTheServerAndServesAsAnotherUserOnAReadOnlyTree()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeArchitecture() == "x64", "The image is for Linux on x64.");
        string root = Path.Combine(_folder, "root");
        JsonNode config = await PublishAsync(root);

        // As the Dockerfile's.
        Assert.Equal("1654:1654", (string?)config["User"]);
        Assert.Equal([$"{ServerFace.Defaults.HttpPort}/tcp", $"{ServerFace.Defaults.GrpcPort}/tcp"], config["ExposedPorts"]!.AsObject().Select(port => port.Key).Order(StringComparer.Ordinal));
        string[] command = [.. (config["Entrypoint"] ?? config["Cmd"])!.AsArray().Select(part => (string)part!)];
        Assert.Equal(["/app/LCNet.Server"], command);
        Assert.Equal("/app", ((string)config["WorkingDir"]!).TrimEnd('/'));
        Assert.True(File.Exists(Path.Combine(root, "etc", "base")));
        Assert.True(File.Exists(Path.Combine(root, "app", "models", "cifar10-lcnet", "1", "bundle.json")));

        MakeReadOnly(root);
        await ServeAsync(Path.Combine(root, "app", "LCNet.Server"));
    }

    // Publishes onto a base of the test's own, as the real one is in a registry, and unpacks the layers.
    private async Task<JsonNode> PublishAsync(string root)
    {
        string archive = Path.Combine(_folder, "image.tar.gz");
        await using BaseImageRegistry registry = await BaseImageRegistry.StartAsync();
        string[] arguments =
        [
            "publish", Repository.PathOf("src/LCNet.Server"), "-c", "Release", "/t:PublishContainer", $"-p:ContainerBaseImage={registry.Image}", $"-p:ContainerArchiveOutputPath={archive}",
            "--artifacts-path", Path.Combine(_folder, "artifacts"), "--nologo", "-v", "quiet",
        ];
        (int code, string output) = await Programs.RunAsync("dotnet", arguments);
        Assert.True(code == 0, output);

        string image = Path.Combine(_folder, "image");
        await UnpackAsync(archive, image);
        JsonNode manifest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(image, "manifest.json"), Token))![0]!;
        foreach (JsonNode? layer in manifest["Layers"]!.AsArray())
        {
            await UnpackAsync(Path.Combine(image, (string)layer!), root);
        }

        return JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(image, (string)manifest["Config"]!), Token))!["config"]!;
    }

    private static async Task UnpackAsync(string archive, string folder)
    {
        Directory.CreateDirectory(folder);
        await using FileStream file = File.OpenRead(archive);
        bool isCompressed = file.ReadByte() == 0x1f;
        file.Position = 0;
        await using Stream tar = isCompressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        await using var reader = new TarReader(tar);
        while (await reader.GetNextEntryAsync(cancellationToken: Token) is { } entry)
        {
            string path = Path.Combine(folder, entry.Name.TrimStart('/'));
            if (entry.EntryType == TarEntryType.Directory)
            {
                Directory.CreateDirectory(path);
            }
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await entry.ExtractToFileAsync(path, overwrite: true, Token);
            }
        }
    }

    private void MakeReadOnly(string root)
    {
        const UnixFileMode read = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        const UnixFileMode run = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        foreach (string file in Directory.GetFiles(root, "*", SearchOption.AllDirectories))
        {
            File.SetUnixFileMode(file, (File.GetUnixFileMode(file) & run) | read);
        }

        foreach (string folder in Directory.GetDirectories(root, "*", SearchOption.AllDirectories).Append(root))
        {
            File.SetUnixFileMode(folder, read | run);
        }

        File.SetUnixFileMode(_folder, read | run | UnixFileMode.UserWrite);
    }

    // As user 1654, where this test may become another; the .NET of this machine stands in for the base image's.
    private static async Task ServeAsync(string program)
    {
        bool isRoot = Environment.IsPrivilegedProcess && Programs.Exists("setpriv");
        string[] command = [.. isRoot ? ["setpriv", "--reuid=1654", "--regid=1654", "--clear-groups"] : Array.Empty<string>(), program];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetDirectoryName(program) };
        start.Environment["LCNet__BindAddress"] = "127.0.0.1";
        start.Environment["LCNet__GrpcPort"] = "0";
        start.Environment["LCNet__HttpPort"] = "0";
        start.Environment["DOTNET_ROOT"] = Path.GetDirectoryName(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet")));
        start.Environment["HOME"] = "/nonexistent";
        using Process server = Process.Start(start)!;
        try
        {
            string serving = await FirstLineAsync(server).WaitAsync(StartLimit, Token);
            Match ports = Ports().Match(serving);
            Assert.True(ports.Success, serving);
            using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ports.Groups[1].Value}") };
            using var image = new ByteArrayContent(await File.ReadAllBytesAsync(Repository.PathOf("tests/data/cifar10/horse/0014.jpg"), Token));
            using HttpResponseMessage reply = await http.PostAsync(new Uri("/v1/classify", UriKind.Relative), image, Token);
            Assert.Contains("\"horse\"", await reply.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
            if (isRoot)
            {
                Assert.Matches(@"^Uid:\s+1654\s", (await File.ReadAllLinesAsync($"/proc/{server.Id.ToString(CultureInfo.InvariantCulture)}/status", Token)).Single(line => line.StartsWith("Uid:", StringComparison.Ordinal)));
            }
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task<string> FirstLineAsync(Process server)
    {
        Task<string> error = server.StandardError.ReadToEndAsync(Token);
        while (await server.StandardOutput.ReadLineAsync(Token) is { } line)
        {
            if (line.Contains("Serving ", StringComparison.Ordinal))
            {
                return line;
            }
        }

        return await error;
    }

    private static string RuntimeArchitecture() => System.Runtime.InteropServices.RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant();

    [GeneratedRegex(@"HTTP on [^ ]*:(\d+)")]
    private static partial Regex Ports();
}
