using System.Diagnostics;

namespace LCNet.Cli.Bench;

/// <summary>
/// Times contenders against each other: they take turns of a few images, so that what disturbs the machine disturbs all of them alike, and who goes first
/// changes from one alternation to the next.
/// </summary>
internal sealed class Alternation(int images, int repetitions)
{
    /// <summary>Images of a turn, for each thread.</summary>
    public const int ImagesAtATurn = 20;

    private const int ImagesToWarm = 3;
    private const int WarmUpImages = 10;

    /// <summary>Image by image on one thread.</summary>
    public AlternationTimes OneThread(Contender[] contenders, CancellationToken cancellation)
    {
        double[][][] times = [.. contenders.Select(_ => NewTimes())];
        long[] bytes = new long[contenders.Length];
        WarmUp(contenders);
        for (int repetition = 0; repetition < repetitions; repetition++)
        {
            for (int first = 0; first < images; first += ImagesAtATurn)
            {
                cancellation.ThrowIfCancellationRequested();
                for (int turn = 0; turn < contenders.Length; turn++)
                {
                    int who = (turn + repetition) % contenders.Length;
                    WarmCaches(contenders[who], first);
                    long before = GC.GetAllocatedBytesForCurrentThread();
                    Time(contenders[who], first, times[who][repetition]);
                    bytes[who] += GC.GetAllocatedBytesForCurrentThread() - before;
                }
            }
        }

        return new AlternationTimes(Names(contenders), times, [.. times.Select(own => own.Select(repetition => repetition.Sum()).ToArray())], bytes);
    }

    /// <summary>On as many threads as there are cores, an image each.</summary>
    /// <param name="make">Makes all of them, for one thread; they are disposed of in the end.</param>
    public AlternationTimes Saturated(Func<Contender[]> make, CancellationToken cancellation)
    {
        Contender[][] contenders = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => make())];
        try
        {
            return Saturated(contenders, cancellation);
        }
        finally
        {
            Array.ForEach(contenders, own => Array.ForEach(own, contender => contender.Dispose()));
        }
    }

    private AlternationTimes Saturated(Contender[][] contenders, CancellationToken cancellation)
    {
        int count = contenders[0].Length;
        double[][][] times = [.. contenders[0].Select(_ => NewTimes())];
        double[][] walls = [.. contenders[0].Select(_ => new double[repetitions])];
        Array.ForEach(contenders, WarmUp);
        int turnLength = ImagesAtATurn * contenders.Length;
        for (int repetition = 0; repetition < repetitions; repetition++)
        {
            for (int first = 0; first < images; first += turnLength)
            {
                for (int turn = 0; turn < count; turn++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    int who = (turn + repetition) % count;
                    walls[who][repetition] += TimeTogether([.. contenders.Select(own => own[who])], first, Math.Min(first + turnLength, images), times[who][repetition]);
                }
            }
        }

        return new AlternationTimes(Names(contenders[0]), times, walls, null);
    }

    /// <summary>Times a turn.</summary>
    /// <param name="times">Takes the seconds of each image.</param>
    public void Time(Contender contender, int first, double[] times)
    {
        int end = Math.Min(first + ImagesAtATurn, images);
        for (int i = first; i < end; i++)
        {
            long start = Stopwatch.GetTimestamp();
            contender.Run(i);
            times[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private double TimeTogether(Contender[] own, int first, int end, double[] times)
    {
        int next = first - 1;
        long begin = 0;
        long[] ends = new long[own.Length];

        // The clock runs from where all threads are there until the last image is done.
        using var start = new Barrier(own.Length, _ => begin = Stopwatch.GetTimestamp());
        Thread[] threads = [.. own.Select((contender, thread) => new Thread(() =>
        {
            WarmCaches(contender, first);
            start.SignalAndWait();
            for (int i = Interlocked.Increment(ref next); i < end; i = Interlocked.Increment(ref next))
            {
                long before = Stopwatch.GetTimestamp();
                contender.Run(i);
                times[i] = Stopwatch.GetElapsedTime(before).TotalSeconds;
            }

            ends[thread] = Stopwatch.GetTimestamp();
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return Stopwatch.GetElapsedTime(begin, ends.Max()).TotalSeconds;
    }

    // Not timed: the caches hold what the contender before computed with, as on a server they do not.
    private void WarmCaches(Contender contender, int first)
    {
        for (int image = first; image < Math.Min(first + ImagesToWarm, images); image++)
        {
            contender.Run(image);
        }
    }

    private void WarmUp(Contender[] contenders)
    {
        foreach (Contender contender in contenders)
        {
            // Long enough for the methods to be compiled with all optimizations.
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < WarmUpImages || Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(1); i++)
            {
                contender.Run(i % images);
            }
        }
    }

    private static string[] Names(Contender[] contenders) => [.. contenders.Select(contender => contender.Name)];

    private double[][] NewTimes() => [.. Enumerable.Range(0, repetitions).Select(_ => new double[images])];
}

/// <summary>What an alternation measured.</summary>
/// <param name="Names">Of the contenders.</param>
/// <param name="Seconds">Of each contender, alternation and image.</param>
/// <param name="Totals">Seconds of each contender and alternation for all images: the sum on one thread, what a clock showed where threads share the images.</param>
/// <param name="Bytes">Managed memory that each contender allocated; null where threads share the process's count.</param>
internal sealed record AlternationTimes(IReadOnlyList<string> Names, double[][][] Seconds, double[][] Totals, long[]? Bytes);
