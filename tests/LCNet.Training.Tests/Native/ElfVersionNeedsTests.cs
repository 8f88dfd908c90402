using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using LCNet.Training.Native;
using TorchSharp;

namespace LCNet.Training.Tests.Native;

public class ElfVersionNeedsTests
{
    private const string Version = "GLIBCXX_3.4.32";
    private static readonly string Shim = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");

    [Fact]
    public void MakeWeak_RealShim_SetsTheWeakFlagAndNothingElse()
    {
        byte[] before = File.ReadAllBytes(Shim);
        byte[] after = [.. before];

        Assert.Equal(1, ElfVersionNeeds.MakeWeak(after, Version));

        int[] changed = [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];
        int flags = Assert.Single(changed);
        Assert.Equal(0, before[flags]);
        Assert.Equal(2, after[flags]);

        // An entry of .gnu.version_r begins with the System V hash of the version's name; its flags follow.
        Assert.Equal(SystemVHash(Version), BinaryPrimitives.ReadUInt32LittleEndian(before.AsSpan(flags - 4)));
    }

    [Fact]
    public void MakeWeak_Twice_ChangesNothingMore()
    {
        byte[] image = File.ReadAllBytes(Shim);
        ElfVersionNeeds.MakeWeak(image, Version);
        byte[] once = [.. image];
        Assert.Equal(0, ElfVersionNeeds.MakeWeak(image, Version));
        Assert.True(once.AsSpan().SequenceEqual(image));
    }

    [Fact]
    public void MakeWeak_VersionThatIsNotAskedFor_ChangesNothing()
    {
        byte[] before = File.ReadAllBytes(Shim);
        byte[] after = [.. before];
        Assert.Equal(0, ElfVersionNeeds.MakeWeak(after, "GLIBCXX_3.4.3"));
        Assert.True(before.AsSpan().SequenceEqual(after));
    }

    [Theory]
    [InlineData(0, 64)]
    [InlineData(4, 64)]
    [InlineData(5, 64)]
    [InlineData(-1, 63)]
    [InlineData(-1, 0)]
    public void MakeWeak_NotA64BitLittleEndianElf_Throws(int wrongByte, int length)
    {
        byte[] image = File.ReadAllBytes(Shim)[..length];
        if (wrongByte >= 0)
        {
            image[wrongByte]++;
        }

        Assert.Throws<InvalidDataException>(() => ElfVersionNeeds.MakeWeak(image, Version));
    }

    [Fact]
    public void EnsureLoaded_Twice_TorchStillWorks()
    {
        TorchLibrary.EnsureLoaded();
        TorchLibrary.EnsureLoaded();
        using torch.Tensor sum = torch.ones(3).sum();
        Assert.Equal(3, sum.ToSingle());
        Assert.True(NativeLibrary.TryLoad("libLibTorchSharp.so", out _));
    }

    private static uint SystemVHash(string name)
    {
        uint hash = 0;
        foreach (byte character in Encoding.ASCII.GetBytes(name))
        {
            hash = (hash << 4) + character;
            uint high = hash & 0xf0000000;
            hash = (hash ^ (high >> 24)) & ~high;
        }

        return hash;
    }
}
