using System.Diagnostics;

namespace LCNet.Server.Tests;

/// <summary>Waits for what happens a little later.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Asks until the answer is good, or for a minute.</summary>
    /// <returns>The last answer, good or not: the test says what is wrong with it.</returns>
    public static async Task<T> GetAsync<T>(Func<Task<T>> ask, Func<T, bool> good)
    {
        var clock = Stopwatch.StartNew();
        T answer = await ask();
        while (!good(answer) && clock.Elapsed < Limit)
        {
            await Task.Delay(Pause, TestContext.Current.CancellationToken);
            answer = await ask();
        }

        return answer;
    }
}
