using System.Runtime.InteropServices;

namespace LCNet.Runtime.DryRun;

/// <summary>What stand-ins for NVIDIA's libraries have counted, of the whole process; nothing where <c>FAKE_CUDART</c> names none. Thread-safe.</summary>
/// <param name="Operations">Kernels, copies and calls of NVIDIA's libraries that a device would run.</param>
/// <param name="Synchronisations">Waits of the host for the device.</param>
/// <param name="PlanBuilds">Plans that cuDNN has built for convolutions.</param>
/// <param name="DeviceBytes">Memory of the device that has been taken.</param>
/// <param name="Launches">Kernels of ONNX Runtime's.</param>
/// <param name="ForeignLaunches">Of those, begun on another stream than the copy before them.</param>
/// <param name="Convolutions">Calls of cuDNN's.</param>
/// <param name="Copies">Between host and device.</param>
internal sealed record DeviceCounters(long Operations, long Synchronisations, long PlanBuilds, long DeviceBytes, long Launches, long ForeignLaunches, long Convolutions, long Copies)
{
    // Places of the stand-in's enumeration.
    private const int LaunchesAt = 0;
    private const int ToDeviceAt = 1;
    private const int ToHostAt = 2;
    private const int OnDeviceAt = 3;
    private const int FillsAt = 4;
    private const int StreamWaitsAt = 5;
    private const int DeviceWaitsAt = 6;
    private const int PlansAt = 12;
    private const int ConvolutionsAt = 14;
    private const int AdditionsAt = 15;
    private const int OtherWaitsAt = 16;
    private const int BytesAt = 19;
    private const int ForeignAt = 22;
    private const int ProductsAt = 25;
    private const int PoolsAt = 28;

    private static readonly Func<int, long> Read = Find();

    /// <summary>What has been counted until now.</summary>
    public static DeviceCounters Now() => new(
        Read(LaunchesAt) + Read(ToDeviceAt) + Read(ToHostAt) + Read(OnDeviceAt) + Read(FillsAt) + Read(ConvolutionsAt) + Read(AdditionsAt) + Read(ProductsAt) + Read(PoolsAt),
        Read(StreamWaitsAt) + Read(DeviceWaitsAt) + Read(OtherWaitsAt),
        Read(PlansAt),
        Read(BytesAt),
        Read(LaunchesAt),
        Read(ForeignAt),
        Read(ConvolutionsAt),
        Read(ToDeviceAt) + Read(ToHostAt));

    /// <summary>What has been counted since.</summary>
    public DeviceCounters Since()
    {
        DeviceCounters now = Now();
        return new DeviceCounters(
            now.Operations - Operations,
            now.Synchronisations - Synchronisations,
            now.PlanBuilds - PlanBuilds,
            now.DeviceBytes - DeviceBytes,
            now.Launches - Launches,
            now.ForeignLaunches - ForeignLaunches,
            now.Convolutions - Convolutions,
            now.Copies - Copies);
    }

    private static unsafe Func<int, long> Find()
    {
        if (Environment.GetEnvironmentVariable("FAKE_CUDART") is not string library)
        {
            return _ => 0;
        }

        var counter = (delegate* unmanaged<int, long>)NativeLibrary.GetExport(NativeLibrary.Load(library), "fake_counter");
        return place => counter(place);
    }
}
