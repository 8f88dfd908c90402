namespace LCNet.Training.Data;

/// <summary>Takes as many images of each class as of any other.</summary>
internal static class ClassBalance
{
    /// <summary>As many images as there are, from all classes in turns; a class that runs out begins again.</summary>
    /// <param name="order">Images in a random order, which stays that within each class.</param>
    public static int[] Take(IReadOnlyList<int> order, Func<int, int> label)
    {
        int[][] classes = [.. order.GroupBy(label).Select(group => group.ToArray())];
        return [.. Enumerable.Range(0, order.Count).Select(i => classes[i % classes.Length][i / classes.Length % classes[i % classes.Length].Length])];
    }
}
