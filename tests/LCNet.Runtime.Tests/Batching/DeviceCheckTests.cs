using LCNet.Bundles;
using LCNet.Runtime.Batching;
using LCNet.Runtime.Engine;
using LCNet.Runtime.Execution;
using LCNet.Runtime.Tests.Synthetic;

namespace LCNet.Runtime.Tests.Batching;

public sealed class DeviceCheckTests : IDisposable
{
    private const int MaxImages = 4;

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Compare_DeviceThatComputesWhatTheCpuDoes_IsContent(bool bottleneck) => Compare(bottleneck, (_, _) => { });

    [Theory]
    [InlineData(false, "logits", 0.5f)]
    [InlineData(true, "logits", float.NaN)]
    [InlineData(true, "layers", 0.1f)]
    [InlineData(false, "channels", 0.1f)]
    [InlineData(true, "channels", float.NaN)]
    public void Compare_DeviceThatIsWrongInOnePlace_IsAFaultWithItsFigures(bool bottleneck, string what, float by)
    {
        DeviceException exception = Assert.Throws<DeviceException>(() => Compare(bottleneck, (values, name) =>
        {
            if (name == what)
            {
                // Downwards, so that what is clamped to 1 moves too.
                values[0] -= by;
            }
        }));
        Assert.StartsWith("cuda:7 does not compute what the CPU does: logits of up to ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Time_AnyDevice_GivesBothTimes()
    {
        Bundle bundle = TestBundles.Basic(_folder);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        using OnnxBatchLane lane = executor.CreateLane();
        BatchTimes times = DeviceCheck.Time(bundle, new BatchDispatcher(bundle, lane, executor.Rows, MaxImages), MaxImages, ComputeDevice.Parse("cpu"));
        Assert.Equal(MaxImages, times.Images);
        Assert.True(times.Gated > TimeSpan.Zero && times.Static > TimeSpan.Zero);
    }

    public void Dispose() => _folder.Dispose();

    private void Compare(bool bottleneck, Action<float[], string> spoil)
    {
        Bundle bundle = bottleneck ? TestBundles.Bottleneck(_folder) : TestBundles.Basic(_folder);
        using var executor = new OnnxBatchExecutor(bundle, ComputeDevice.Parse("cpu"), new FixedSizes(MaxImages));
        using var lane = new SpoiledLane(executor.CreateLane(), spoil);
        DeviceCheck.Compare(bundle, new BatchDispatcher(bundle, lane, executor.Rows, MaxImages), MaxImages, "cuda:7", DeviceCheck.Tf32Tolerance);
    }

    // A lane whose results a test changes.
    private sealed class SpoiledLane(IBatchLane lane, Action<float[], string> spoil) : IBatchLane
    {
        public DispatchTape Tape => lane.Tape;

        public void Load() => lane.Load();

        public void LoadImages(ReadOnlySpan<BatchImage> images) => lane.LoadImages(images);

        public void Stem(int rows) => lane.Stem(rows);

        public void Gate(int span, in RowSource source, int pricesAt, out ReadOnlySpan<float> layers, out ReadOnlySpan<float> channels)
        {
            lane.Gate(span, source, pricesAt, out layers, out channels);
            layers = Spoil(layers, "layers");
            channels = Spoil(channels, "channels");
        }

        public void Run(in BlockDispatch dispatch) => lane.Run(dispatch);

        public void Head(in RowSource source, out ReadOnlySpan<float> logits)
        {
            lane.Head(source, out logits);
            logits = Spoil(logits, "logits");
        }

        public void Wait() => lane.Wait();

        public void Dispose() => lane.Dispose();

        private float[] Spoil(ReadOnlySpan<float> values, string name)
        {
            float[] copy = values.ToArray();
            spoil(copy, name);
            return copy;
        }
    }
}
