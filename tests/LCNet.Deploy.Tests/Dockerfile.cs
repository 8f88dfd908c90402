namespace LCNet.Deploy.Tests;

/// <summary>The Dockerfile's instructions, stage by stage.</summary>
internal sealed record Dockerfile(IReadOnlyList<Dockerfile.Stage> Stages)
{
    /// <param name="Name">What follows <c>AS</c>.</param>
    /// <param name="From">What follows <c>FROM</c>: an image or another stage.</param>
    /// <param name="Instructions">Name and text of each, in order.</param>
    internal sealed record Stage(string Name, string From, IReadOnlyList<(string Name, string Text)> Instructions)
    {
        /// <summary>The text of the only instruction of a name.</summary>
        public string Only(string name) => Assert.Single(All(name));

        public IEnumerable<string> All(string name) => Instructions.Where(instruction => instruction.Name == name).Select(instruction => instruction.Text);
    }

    public Stage this[string name] => Stages.Single(stage => stage.Name == name);

    public static Dockerfile Read()
    {
        var stages = new List<Stage>();
        var instructions = new List<(string Name, string Text)>();
        IEnumerable<string> lines = Repository.Text("Dockerfile").Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')
            .Where(line => line.Length > 0 && line[0] != '#');
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ', 2, StringSplitOptions.TrimEntries);
            if (parts[0] == "FROM")
            {
                string[] words = [.. parts[1].Split(' ').Where(word => !word.StartsWith("--", StringComparison.Ordinal))];
                instructions = [];
                stages.Add(new Stage(words[2], words[0], instructions));
            }
            else
            {
                instructions.Add((parts[0], parts[1]));
            }
        }

        return new Dockerfile(stages);
    }
}
