using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LCNet.Deploy.Tests;

/// <summary>The part of JSON Schema that the chart's schema is written in; a word that is not known here fails the test.</summary>
internal static class HelmSchema
{
    private static readonly HashSet<string> Notes = ["$schema", "description"];

    /// <summary>A line for each breach.</summary>
    public static IReadOnlyList<string> Breaches(JsonNode? value, JsonNode schema)
    {
        var breaches = new List<string>();
        foreach ((string word, JsonNode? rule) in schema.AsObject().Where(entry => !Notes.Contains(entry.Key)))
        {
            Check(value, word, rule!, schema, breaches);
        }

        return breaches;
    }

    private static void Check(JsonNode? value, string word, JsonNode rule, JsonNode schema, List<string> breaches)
    {
        JsonObject? map = value as JsonObject;
        bool good = word switch
        {
            "type" => Types(rule).Any(type => IsOf(value, type)),
            "enum" => rule.AsArray().Any(choice => JsonNode.DeepEquals(choice, value)),
            "const" => JsonNode.DeepEquals(rule, value),
            "minimum" => Number(value) is not { } number || number >= Number(rule),
            "maximum" => Number(value) is not { } number || number <= Number(rule),
            "exclusiveMinimum" => Number(value) is not { } number || number > Number(rule),
            "minLength" => value is null || value.GetValueKind() != JsonValueKind.String || value.ToString().Length >= Number(rule),
            "maxProperties" => map is null || map.Count <= Number(rule),
            "pattern" => value is null || value.GetValueKind() != JsonValueKind.String || Regex.IsMatch(value.ToString(), rule.ToString()),
            "required" => map is null || rule.AsArray().All(name => map.ContainsKey(name!.ToString())),
            "anyOf" => rule.AsArray().Any(choice => Breaches(value, choice!).Count == 0),
            "additionalProperties" => map is null || rule.GetValue<bool>() || map.All(entry => schema["properties"]?[entry.Key] is not null),
            "properties" => map is null || Descend(map.Where(entry => rule[entry.Key] is not null).Select(entry => (entry.Value, rule[entry.Key]!)), breaches),
            "items" => value is not JsonArray list || Descend(list.Select(item => (item, rule)), breaches),
            _ => throw new NotSupportedException($"the schema's word {word}"),
        };
        if (!good)
        {
            breaches.Add($"{value?.GetPath()}: {word} {rule.ToJsonString()}");
        }
    }

    private static bool Descend(IEnumerable<(JsonNode? Value, JsonNode Schema)> parts, List<string> breaches)
    {
        foreach ((JsonNode? value, JsonNode schema) in parts)
        {
            breaches.AddRange(Breaches(value, schema));
        }

        return true;
    }

    private static IEnumerable<string> Types(JsonNode rule) => rule is JsonArray list ? list.Select(type => type!.ToString()) : [rule.ToString()];

    private static bool IsOf(JsonNode? value, string type) => (type, value?.GetValueKind()) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) => true,
        ("boolean", JsonValueKind.True or JsonValueKind.False) or ("number", JsonValueKind.Number) => true,
        ("integer", JsonValueKind.Number) => double.IsInteger(Number(value)!.Value),
        _ => false,
    };

    private static double? Number(JsonNode? value) =>
        value?.GetValueKind() == JsonValueKind.Number ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture) : null;
}
