namespace LCNet.Server.Tests;

/// <summary>The files for Prometheus, as its own tool checks them.</summary>
public sealed class RulesTests
{
    private static readonly string Folder = RepositoryFiles.Of("deploy", "prometheus");

    [Fact]
    public async Task Check_Config_FindsNothing() => await AssertGoodAsync("check", "config", Path.Combine(Folder, "prometheus.yml"));

    [Fact]
    public async Task Check_Rules_FindsNothing() =>
        await AssertGoodAsync(["check", "rules", .. Directory.GetFiles(Path.Combine(Folder, "rules"), "*.yml")]);

    [Fact]
    public async Task Test_Rules_Pass() => await AssertGoodAsync(["test", "rules", .. Directory.GetFiles(Path.Combine(Folder, "tests"), "*.yml")]);

    private static async Task AssertGoodAsync(params string[] arguments)
    {
        Tool.Require("promtool");
        (int code, string output) = await Tool.RunAsync("promtool", arguments);
        Assert.True(code == 0, output);
    }
}
