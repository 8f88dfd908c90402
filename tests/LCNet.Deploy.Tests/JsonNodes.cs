using System.Text.Json.Nodes;

namespace LCNet.Deploy.Tests;

/// <summary>Short ways into a tree.</summary>
internal static class JsonNodes
{
    /// <summary>What stands at a path of names and indices; fails the test where there is nothing.</summary>
    public static JsonNode At(this JsonNode node, params object[] path)
    {
        JsonNode? at = node;
        foreach (object step in path)
        {
            at = step is int index ? at!.AsArray()[index] : at![(string)step];
            Assert.True(at is not null, $"there is no {string.Join('.', path)} in {node.GetPath()}");
        }

        return at;
    }

    public static string TextAt(this JsonNode node, params object[] path) => node.At(path).ToString();

    public static int NumberAt(this JsonNode node, params object[] path) => node.At(path).GetValue<int>();

    /// <summary>The items of a list, or none where it is absent.</summary>
    public static IEnumerable<JsonNode> Items(this JsonNode node, string name) =>
        node[name] is JsonArray items ? items.OfType<JsonNode>() : [];
}
