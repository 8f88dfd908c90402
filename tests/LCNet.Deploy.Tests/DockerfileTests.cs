using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;

namespace LCNet.Deploy.Tests;

/// <summary>The Dockerfile and what it may see of the repository, against the projects and the server.</summary>
public sealed class DockerfileTests(ServerFace server)
{
    private const string ServerProject = "src/LCNet.Server";
    private static readonly Dockerfile Image = Dockerfile.Read();

    public static TheoryData<string> Targets => ["cpu", "cuda"];

    [Fact]
    public void Stages_Default_IsCpu() => Assert.Equal("cpu", Image.Stages[^1].Name);

    [Theory]
    [MemberData(nameof(Targets))]
    public void Target_Ports_AreTheServersOwn(string target) =>
        Assert.Equal($"{ServerFace.Defaults.GrpcPort} {ServerFace.Defaults.HttpPort}", Image[target].Only("EXPOSE"));

    [Theory]
    [MemberData(nameof(Targets))]
    public void Target_User_IsNotRoot(string target) => Assert.Matches("^[1-9][0-9]+:[1-9][0-9]+$", Image[target].Only("USER"));

    [Theory]
    [MemberData(nameof(Targets))]
    public void Target_Environment_IsTaken(string target) =>
        ServerFace.AssertTaken(Image[target].All("ENV")
            .SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(variable => variable.Split('=', 2))
            .Select(variable => KeyValuePair.Create(variable[0], variable[1])));

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task Target_HealthCheck_FindsTheServer(string target)
    {
        string check = Image[target].Only("HEALTHCHECK");
        string[] command = JsonSerializer.Deserialize<string[]>(check[(check.IndexOf("CMD", StringComparison.Ordinal) + 3)..])!;
        Assert.Equal(JsonSerializer.Deserialize<string[]>(Image[target].Only("ENTRYPOINT"))![0], command[0]);

        // What the image runs, with the build's own program.
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, Path.GetFileName(command[0]) + ".dll"));
        foreach (string argument in command[1..])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["LCNet__HttpPort"] = server.HttpPort.ToString(CultureInfo.InvariantCulture);
        (int code, string output) = await Programs.RunAsync(start);
        Assert.True(code == 0, output);
    }

    [Theory]
    [InlineData("publish-cpu", "")]
    [InlineData("publish-cuda", "-p:Accelerator=cuda")]
    public void Publish_Command_PublishesTheServer(string stage, string property)
    {
        string command = Image[stage].Only("RUN");

        Assert.Contains($"dotnet publish {ServerProject} -c Release", command, StringComparison.Ordinal);
        Assert.Contains(property, command, StringComparison.Ordinal);
        Assert.True(File.Exists(Repository.PathOf($"{ServerProject}/LCNet.Server.csproj")));
        Assert.Contains("Accelerator", Repository.Text("src/LCNet.Runtime/LCNet.Runtime.csproj"), StringComparison.Ordinal);
    }

    [Fact]
    public void BaseImages_EveryOne_IsPinnedAndOfTheProjectsFramework()
    {
        string[] images = [.. Image.Stages.Select(stage => stage.From)
            .Concat(Image.Stages.SelectMany(stage => stage.All("COPY")).Where(copy => copy.Contains("--from=", StringComparison.Ordinal))
                .Select(copy => copy["--from=".Length..copy.IndexOf(' ', StringComparison.Ordinal)]))
            .Where(image => image.Contains('/', StringComparison.Ordinal))];

        Assert.NotEmpty(images);
        Assert.All(images, image => Assert.Matches(":[0-9]+[.][0-9]+[.][0-9]+-", image));
        string framework = XDocument.Parse(Repository.Text("Directory.Build.props")).Descendants("TargetFramework").Single().Value["net".Length..];
        Assert.All(images.Where(image => image.Contains("/dotnet/", StringComparison.Ordinal)), image => Assert.Contains($":{framework}.", image, StringComparison.Ordinal));
    }

    [Fact]
    public void Context_Sources_AreTheServersProjectsAlone()
    {
        string[] admitted = [.. Repository.Text(".dockerignore").Split('\n')
            .Where(line => line.StartsWith("!src/", StringComparison.Ordinal))
            .Select(line => line[1..])];

        Assert.Equal(Projects(ServerProject).Order(StringComparer.Ordinal), admitted.Order(StringComparer.Ordinal));
        Assert.DoesNotContain("src/LCNet.Training", admitted);
    }

    [Fact]
    public void Context_OtherFiles_AreWhatABuildReads()
    {
        string[] admitted = [.. Repository.Text(".dockerignore").Split('\n').Where(line => line.StartsWith('!') && !line.StartsWith("!src/", StringComparison.Ordinal))];

        Assert.Equal(["!.editorconfig", "!Directory.Build.props", "!Directory.Packages.props", "!global.json", "!models", "!protos"], admitted.Order(StringComparer.Ordinal));
        Assert.All(admitted, line => Assert.True(Path.Exists(Repository.PathOf(line[1..])), line));
    }

    // A project and all that it refers to.
    private static HashSet<string> Projects(string project)
    {
        HashSet<string> found = [project];
        IEnumerable<string> references = XDocument.Parse(Repository.Text($"{project}/{Path.GetFileName(project)}.csproj"))
            .Descendants("ProjectReference")
            .Select(reference => $"src/{Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value)}");
        foreach (string reference in references)
        {
            found.UnionWith(Projects(reference));
        }

        return found;
    }
}
