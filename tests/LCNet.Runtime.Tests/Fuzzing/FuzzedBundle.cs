using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using LCNet.Bundles;
using LCNet.Bundles.Onnx;
using LCNet.Fuzzing;

namespace LCNet.Runtime.Tests.Fuzzing;

/// <summary>
/// Changes a bundle at random, in its manifest or in a segment, and puts the digests right again, so that what is wrong reaches what comes behind them.
/// </summary>
internal sealed class FuzzedBundle(int seed)
{
    private const int ChangesAtMost = 3;
    private static readonly string Zeros = new('0', 64);
    private readonly Random _random = new(seed);

    /// <summary>Writes a changed copy.</summary>
    /// <param name="good">The bundle that it is a copy of.</param>
    /// <param name="folder">Empty.</param>
    public void Write(Bundle good, string folder)
    {
        foreach (string file in Directory.GetFiles(good.Folder))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        string path = Path.Combine(folder, BundleManifest.FileName);
        JsonObject manifest = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        if (_random.Next(3) == 0)
        {
            for (int change = _random.Next(1, ChangesAtMost + 1); change > 0; change--)
            {
                Change(manifest);
            }
        }
        else
        {
            string[] files = [.. good.Manifest.Files.Keys];
            string file = files[_random.Next(files.Length)];
            byte[] changed = _random.Next(10) == 0 ? File.ReadAllBytes(good.PathOf(files[_random.Next(files.Length)])) : Change(File.ReadAllBytes(good.PathOf(file)));
            File.WriteAllBytes(Path.Combine(folder, file), changed);
            manifest["files"]![file] = Convert.ToHexStringLower(SHA256.HashData(changed));
        }

        File.WriteAllText(path, Seal(manifest));
    }

    private static string Seal(JsonObject manifest)
    {
        if (manifest.ContainsKey("digest"))
        {
            manifest["digest"] = Zeros;
        }

        string text = manifest.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
        string digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        return text.Replace($"\"digest\": \"{Zeros}\"", $"\"digest\": \"{digest}\"", StringComparison.Ordinal);
    }

    private byte[] Change(byte[] segment)
    {
        var mutator = new MessageMutator(_random);
        if (_random.Next(3) == 0)
        {
            return mutator.Mutate(segment);
        }

        ModelProto model = ModelProto.Parser.ParseFrom(segment);
        for (int change = _random.Next(1, ChangesAtMost + 1); change > 0; change--)
        {
            // Most of a graph's fields lie deep in it.
            mutator.Mutate(Pick(model));
        }

        return model.ToByteArray();
    }

    private IMessage Pick(ModelProto model)
    {
        if (model.Graph is null)
        {
            return model;
        }

        IMessage[] parts = [.. model.Graph.Node, .. model.Graph.Node.SelectMany(node => node.Attribute), .. model.Graph.Initializer, .. model.Graph.Input, .. model.Graph.Output, model.Graph, model];
        return parts[_random.Next(parts.Length)];
    }

    private void Change(JsonNode node)
    {
        switch (node)
        {
            case JsonObject members when members.Count > 0:
                string name = members.ElementAt(_random.Next(members.Count)).Key;
                if (Descends(members[name]))
                {
                    Change(members[name]!);
                }
                else if (_random.Next(8) == 0)
                {
                    members.Remove(name);
                }
                else
                {
                    members[name] = Value(members[name]);
                }

                break;
            case JsonArray { Count: > 0 } items:
                int index = _random.Next(items.Count);
                if (Descends(items[index]))
                {
                    Change(items[index]!);
                }
                else if (_random.Next(3) == 0)
                {
                    items.RemoveAt(index);
                }
                else if (_random.Next(2) == 0)
                {
                    items.Add(items[index]?.DeepClone());
                }
                else
                {
                    items[index] = Value(items[index]);
                }

                break;
        }
    }

    private bool Descends(JsonNode? node) => node is JsonObject or JsonArray && _random.Next(10) != 0;

    private JsonNode? Value(JsonNode? old) => _random.Next(12) switch
    {
        0 => 0,
        1 => 1,
        2 => -1,
        3 => int.MaxValue,
        4 => long.MaxValue,
        5 => 1e300,
        6 => 0.5,
        7 => null,
        8 => "",
        9 => "../../etc/passwd",
        10 => new JsonArray(),
        _ => old is JsonValue value && value.TryGetValue(out long number) ? number + _random.Next(-2, 3) : "block_00.onnx",
    };
}
