using System.Text.Json.Nodes;
using LCNet.Bundles;

namespace LCNet.Server.Tests;

public sealed class StartTests(ServerFixture fixture)
{
    [Fact]
    public async Task Start_FlippedByteInSegment_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(folder => Flip(Path.Combine(folder, "block_01.onnx")), "block_01.onnx");

    [Fact]
    public async Task Start_FlippedByteInManifest_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(folder => Flip(Path.Combine(folder, "bundle.json")), "bundle.json");

    [Fact]
    public async Task Start_MissingFile_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(folder => File.Delete(Path.Combine(folder, "head.onnx")), "head.onnx");

    [Fact]
    public async Task Start_UnknownFormat_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(
            folder =>
            {
                string path = Path.Combine(folder, "bundle.json");
                JsonNode manifest = JsonNode.Parse(File.ReadAllText(path))!;
                manifest["format"] = 2;
                File.WriteAllText(path, manifest.ToJsonString());
            },
            "bundle.json");

    [Fact]
    public async Task Start_SegmentsThatDoNotFitTogether_IsRefusedNamingTheFile() =>
        await AssertRefusedAsync(
            folder =>
            {
                File.Copy(Path.Combine(folder, "block_00.onnx"), Path.Combine(folder, "block_03.onnx"), overwrite: true);
                Bundle.Write(folder, fixture.Bundle.Manifest);
            },
            $"{ServerFixture.Model}/3 is refused: block_03.onnx does not run");

    [Fact]
    public async Task Start_WrongSettings_AreRefusedWithOneLineEach()
    {
        using var program = new ServerProgram("--LCNet:GrpcPort=none", "--LCNet:Workers=-1");

        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Equal(2, errors.Length);
        Assert.Contains("FTL LCNet:Workers: '-1'", errors[0], StringComparison.Ordinal);
        Assert.Contains("FTL LCNet:GrpcPort: 'none'", errors[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PortInUse_IsRefusedNamingThePort()
    {
        int port = fixture.One.GrpcAddress.Port;
        using var program = new ServerProgram([.. TestServer.Arguments(fixture.OneModel), $"--LCNet:GrpcPort={port}"]);

        await AssertRefusedAsync(program, $":{port}");
    }

    private static void Flip(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static async Task AssertRefusedAsync(ServerProgram program, string part)
    {
        (int code, string[] output, string[] errors) = await program.WaitAsync();

        Assert.Equal(1, code);
        Assert.Empty(output);
        string line = Assert.Single(errors);
        Assert.Contains(" FTL ", line, StringComparison.Ordinal);
        Assert.Contains(part, line, StringComparison.Ordinal);
    }

    private async Task AssertRefusedAsync(Action<string> spoil, string file)
    {
        using var models = new TemporaryFolder();
        string bundle = Directory.CreateDirectory(Path.Combine(models.FullName, ServerFixture.Model, "3")).FullName;
        foreach (string path in Directory.GetFiles(fixture.Bundle.Folder))
        {
            File.Copy(path, Path.Combine(bundle, Path.GetFileName(path)));
        }

        spoil(bundle);
        using var program = new ServerProgram(TestServer.Arguments(models.FullName));
        await AssertRefusedAsync(program, file);
    }
}
