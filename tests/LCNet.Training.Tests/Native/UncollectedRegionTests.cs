using LCNet.Training.Native;

namespace LCNet.Training.Tests.Native;

public class UncollectedRegionTests
{
    [Fact]
    public void Open_MuchGarbage_IsCollectedWhenTheOuterRegionCloses()
    {
        WeakReference garbage;
        int before;
        using (UncollectedRegion.Open())
        {
            before = GC.CollectionCount(0);
            garbage = new WeakReference(new object());
            for (int i = 0; i < 100; i++)
            {
                using UncollectedRegion nested = UncollectedRegion.Open();
                _ = new byte[UncollectedRegion.Bytes / 200];
            }

            Assert.Equal(before, GC.CollectionCount(0));
            Assert.True(garbage.IsAlive);
        }

        GC.Collect();
        Assert.True(GC.CollectionCount(0) > before);
    }

    [Fact]
    public void Open_MoreThanARegionHolds_GoesOn()
    {
        int before = GC.CollectionCount(0);
        using (UncollectedRegion.Open())
        {
            for (int i = 0; i < 30; i++)
            {
                _ = new byte[UncollectedRegion.Bytes / 10];
            }

            Assert.True(GC.CollectionCount(0) > before);
        }

        using (UncollectedRegion.Open())
        {
            before = GC.CollectionCount(0);
            _ = new byte[UncollectedRegion.Bytes / 10];
            Assert.Equal(before, GC.CollectionCount(0));
        }
    }
}
