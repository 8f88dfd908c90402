using LCNet.Runtime.Batching;

namespace LCNet.Runtime.Tests.Batching;

public class PinnedRowsTests
{
    [Fact]
    public void Rent_AnyOrder_GivesPlacesThatNobodyElseHas()
    {
        using var memory = new CpuBatchDevice();
        var rows = new PinnedRows(memory, 3, 4);
        var held = new List<(nint Address, float Value)>();
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            if (held.Count > 0 && random.Next(2) == 0)
            {
                int place = random.Next(held.Count);
                Assert.Equal(Enumerable.Repeat(held[place].Value, 3), Read(held[place].Address));
                rows.Return(held[place].Address);
                held.RemoveAt(place);
                continue;
            }

            rows.Rent(out nint address).Fill(i);
            Assert.DoesNotContain(held, other => other.Address == address);
            held.Add((address, i));
        }

        Assert.All(held, place => Assert.Equal(Enumerable.Repeat(place.Value, 3), Read(place.Address)));
    }

    [Fact]
    public void Rent_OneAfterAnother_GivesPlacesOneAfterAnother()
    {
        using var memory = new CpuBatchDevice();
        var rows = new PinnedRows(memory, 3, 8);
        nint[] first = Rent(rows, 4);
        Array.ForEach(first, rows.Return);
        nint[] second = Rent(rows, 4);
        Assert.Equal(Enumerable.Range(0, 8).Select(i => first[0] + (i * 3 * sizeof(float))), first.Concat(second));
        Assert.Equal(first, Rent(rows, 4));
    }

    private static nint[] Rent(PinnedRows rows, int count)
    {
        nint[] taken = new nint[count];
        for (int i = 0; i < count; i++)
        {
            rows.Rent(out taken[i]);
        }

        return taken;
    }

    private static unsafe float[] Read(nint address) => new ReadOnlySpan<float>((void*)address, 3).ToArray();
}
