using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace LCNet.Deploy.Tests;

/// <summary>YAML as the JSON that it stands for: anchors and merges resolved, plain scalars typed.</summary>
internal static class YamlDocuments
{
    private static readonly IDeserializer Deserializer = new DeserializerBuilder()
        .WithAttemptingUnquotedStringTypeDeserialization()
        .WithDuplicateKeyChecking()
        .Build();

    /// <summary>Reads every document that is not empty.</summary>
    /// <exception cref="YamlException">It is not YAML, or a key stands twice.</exception>
    public static IReadOnlyList<JsonNode> Parse(string yaml)
    {
        var parser = new MergingParser(new Parser(new StringReader(yaml)));
        var documents = new List<JsonNode>();
        parser.Consume<StreamStart>();
        while (!parser.Accept<StreamEnd>(out _))
        {
            if (Convert(Deserializer.Deserialize(parser)) is { } document)
            {
                // As if it had been JSON text, so that a number can be read as any type that holds it.
                documents.Add(JsonNode.Parse(document.ToJsonString())!);
            }
        }

        return documents;
    }

    private static JsonNode? Convert(object? value) => value switch
    {
        null => null,
        IDictionary<object, object?> map => new JsonObject(map.Select(pair =>
            KeyValuePair.Create(System.Convert.ToString(pair.Key, CultureInfo.InvariantCulture)!, Convert(pair.Value)))),
        IEnumerable<object?> list => new JsonArray([.. list.Select(Convert)]),
        bool truth => JsonValue.Create(truth),
        string text => JsonValue.Create(text),
        double number => JsonValue.Create(number),
        float number => JsonValue.Create((double)number),
        _ => JsonValue.Create(System.Convert.ToInt64(value, CultureInfo.InvariantCulture)),
    };
}
