using System.Net;
using System.Text.Json.Nodes;
using Google.Protobuf.Reflection;
using LCNet.V1;

namespace LCNet.Server.Tests;

/// <summary>The OpenAPI document, next to the messages and to what the server answers.</summary>
public sealed class OpenApiTests(ServerFixture fixture)
{
    [Fact]
    public async Task Schemas_OfReplies_AreThoseOfTheMessages()
    {
        JsonNode schemas = (await DocumentAsync())["components"]!["schemas"]!;
        MessageDescriptor[] messages = [ClassifyResponse.Descriptor, Prediction.Descriptor, Compute.Descriptor, BlockCompute.Descriptor];

        foreach (MessageDescriptor message in messages)
        {
            JsonObject properties = schemas[message.Name]!["properties"]!.AsObject();
            Assert.Equal(message.Fields.InFieldNumberOrder().Select(field => $"{field.JsonName}: {TypeOf(field)}"), properties.Select(property => $"{property.Key}: {TypeOf(property.Value!)}"));
        }
    }

    [Fact]
    public async Task Parameters_OfClassify_AreThoseThatAreTaken()
    {
        JsonNode operation = (await DocumentAsync())["paths"]!["/v1/classify"]!["post"]!;
        string[] described = [.. operation["parameters"]!.AsArray().Select(parameter => (string)parameter!["name"]!)];
        using HttpResponseMessage refused = await fixture.One.Http.PostAsync(new Uri("/v1/classify?x=1", UriKind.Relative), new ByteArrayContent([1]), TestContext.Current.CancellationToken);
        string problem = (string)JsonNode.Parse(await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["detail"]!;

        Assert.Equal($"query: there is no parameter 'x'; {string.Join(", ", described)} are taken", problem);
    }

    [Fact]
    public async Task Paths_WithoutARequest_AreThere()
    {
        foreach ((string path, JsonNode? operations) in (await DocumentAsync())["paths"]!.AsObject())
        {
            var uri = new Uri(path.Replace("{model}", "alpha", StringComparison.Ordinal).Replace("{version}", "3", StringComparison.Ordinal), UriKind.Relative);
            using HttpResponseMessage got = await fixture.One.Http.GetAsync(uri, TestContext.Current.CancellationToken);

            Assert.Equal(operations!["get"] is null ? HttpStatusCode.MethodNotAllowed : HttpStatusCode.OK, got.StatusCode);
        }
    }

    private static string TypeOf(FieldDescriptor field)
    {
        string type = field.FieldType switch
        {
            FieldType.Message => field.MessageType.Name,
            FieldType.Int64 => "string int64",
            FieldType.Int32 => "integer",
            FieldType.Float or FieldType.Double => "number",
            FieldType.Bool => "boolean",
            _ => "string",
        };
        return field.IsRepeated ? $"array of {type}" : type;
    }

    private static string TypeOf(JsonNode schema) => (string?)schema["$ref"] is { } reference ? reference.Split('/')[^1]
        : (string?)schema["type"] == "array" ? $"array of {TypeOf(schema["items"]!)}"
        : schema["format"] is { } format ? $"{schema["type"]} {format}"
        : (string)schema["type"]!;

    private async Task<JsonNode> DocumentAsync() =>
        JsonNode.Parse(await fixture.One.Http.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative), TestContext.Current.CancellationToken))!;
}
