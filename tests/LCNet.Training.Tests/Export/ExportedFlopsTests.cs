using LCNet.Bundles;
using LCNet.Runtime.Execution;
using LCNet.Training.Networks;
using LCNet.Training.Tests.Synthetic;
using TorchSharp;

namespace LCNet.Training.Tests.Export;

public class ExportedFlopsTests
{
    private static readonly Gen<ResNetSpec> Specs =
        Gen.Select(Gen.Enum<BlockKind>(), Gen.Enum<StemKind>(), Gen.Enum<GateSpan>(), Gen.Int[1, 2].Array[1, 3], Gen.Int[1, 5], Gen.Int[2, 4], Gen.Int[7, 18], Gen.Bool, (kind, stem, span, blocks, width, classes, size, stridesFirst) =>
            new ResNetSpec { Kind = kind, Stem = stem, Span = span, BlocksPerStage = blocks, Width = width, Classes = classes, InputSize = size, StridesFirst = stridesFirst });

    [Fact]
    public void Flops_RandomPlansOfRandomNetworks_EqualACountOverTheGraphs() => Gen.Select(Specs, Gen.Int[0, int.MaxValue - 1]).Sample(
        (spec, seed) =>
        {
            using var folder = new TemporaryFolder();
            torch.manual_seed(seed);
            using var network = new LcNet(spec);
            Bundle bundle = RandomNetwork.Export(network, folder.Path);
            var counts = new Counts(bundle);
            long dense = 2 * MacCounter.Count(DenseGraph.Assemble(bundle));
            Assert.Equal(dense, bundle.Manifest.Dense.Flops);
            Assert.Equal(dense, network.Cost.Dense);

            var random = new Random(seed);
            var planner = new Planner(bundle.Manifest, bundle.Flops);
            var plan = new ImagePlan(bundle.Manifest);
            for (int i = 0; i < 20; i++)
            {
                long cap = i % 2 == 0 ? Planner.NoCap : random.NextInt64(bundle.Flops.Minimum, bundle.Flops.Dense + bundle.Flops.Gates + 1);
                Decide(bundle, planner, plan, random, random.NextDouble(), cap);
                Assert.Equal(counts.Of(plan), plan.Flops);
                Assert.InRange(plan.Flops, bundle.Flops.Minimum, cap);
            }
        },
        iter: 25,
        threads: 1);

    [Fact]
    public void Cheapest_RandomNetworks_IsThePlanThatSkipsEveryBlock() => Gen.Select(Specs, Gen.Int[0, int.MaxValue - 1]).Sample(
        (spec, seed) =>
        {
            using var folder = new TemporaryFolder();
            torch.manual_seed(seed);
            using var network = new LcNet(spec);
            Bundle bundle = RandomNetwork.Export(network, folder.Path);
            var plan = new ImagePlan(bundle.Manifest);
            Decide(bundle, new Planner(bundle.Manifest, bundle.Flops), plan, new Random(seed), 0, Planner.NoCap);
            Assert.All(Enumerable.Range(0, plan.Blocks), block => Assert.False(plan.Runs(block)));
            Assert.Equal(new Counts(bundle).Of(plan), network.Cost.Cheapest);
            Assert.Equal(plan.Flops, network.Cost.Cheapest);
            Assert.Equal(plan.Flops, bundle.Flops.Minimum);
        },
        iter: 15,
        threads: 1);

    // Saliences above 0 with a probability, span after span as gates would give them.
    private static void Decide(Bundle bundle, Planner planner, ImagePlan plan, Random random, double open, long cap)
    {
        BundleManifest manifest = bundle.Manifest;
        planner.Begin(plan);
        for (int span = 0; span < manifest.Spans.Count; span++)
        {
            SpanSpec spec = manifest.Spans[span];
            float[] layers = new float[spec.Blocks];
            float[] channels = new float[manifest.Blocks.Skip(spec.FirstBlock).Take(spec.Blocks).Sum(block => block.Channels)];
            foreach (float[] saliences in new[] { layers, channels })
            {
                for (int i = 0; i < saliences.Length; i++)
                {
                    saliences[i] = random.NextDouble() < open ? 1 - random.NextSingle() : 0;
                }
            }

            planner.Decide(plan, span, layers, channels, cap);
        }
    }

    /// <summary>2 × the multiply-accumulates of a bundle's files.</summary>
    private sealed class Counts(Bundle bundle)
    {
        private readonly Dictionary<(string File, int Kept), long> _known = [];

        public long Of(string file, int kept = 0)
        {
            if (!_known.TryGetValue((file, kept), out long flops))
            {
                flops = 2 * MacCounter.Count(bundle.PathOf(file), kept);
                _known.Add((file, kept), flops);
            }

            return flops;
        }

        public long Of(ImagePlan plan)
        {
            BundleManifest manifest = bundle.Manifest;
            long flops = Of(manifest.Stem.File) + Of(manifest.Head.File) + manifest.Spans.Sum(span => Of(span.File));
            for (int block = 0; block < plan.Blocks; block++)
            {
                string? shortcut = manifest.Blocks[block].ShortcutFile;
                flops += plan.Runs(block) ? Of(manifest.Blocks[block].File, plan.Kept(block).Length) : shortcut is null ? 0 : Of(shortcut);
            }

            return flops;
        }
    }
}
