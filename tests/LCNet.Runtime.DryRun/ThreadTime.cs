using System.Runtime.InteropServices;

namespace LCNet.Runtime.DryRun;

/// <summary>Processor time of the calling thread: what others take on the machine does not count. Linux only.</summary>
internal static unsafe partial class ThreadTime
{
    private const int ThreadClock = 3;

    /// <summary>Milliseconds until now.</summary>
    public static double Now()
    {
        long* time = stackalloc long[2];
        _ = clock_gettime(ThreadClock, time);
        return (time[0] * 1e3) + (time[1] / 1e6);
    }

    [LibraryImport("libc")]
    private static partial int clock_gettime(int clock, long* time);
}
