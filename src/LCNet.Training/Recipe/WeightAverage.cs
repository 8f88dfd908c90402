using LCNet.Training.Native;
using LCNet.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace LCNet.Training.Recipe;

/// <summary>
/// The exponential moving average of a network's weights and statistics, which generalises better than the weights of any one step
/// (Polyak and Juditsky 1992). Not thread-safe.
/// </summary>
internal sealed class WeightAverage : IDisposable
{
    private readonly double _decay;
    private readonly List<(Tensor Average, Tensor Latest)> _pairs = [];

    /// <summary>Begins at the network's weights.</summary>
    /// <param name="network">Followed by <see cref="Update"/>.</param>
    /// <param name="decay">In [0, 1); 0 follows the latest weights exactly.</param>
    public WeightAverage(LcNet network, double decay)
    {
        using var uncollected = UncollectedRegion.Open();
        _decay = decay;
        Network = new LcNet(network.Spec);
        Network.eval();
        Dictionary<string, Tensor> averages = Network.state_dict();
        foreach ((string name, Tensor latest) in network.state_dict())
        {
            _pairs.Add((averages[name], latest));
        }

        Average(1);
    }

    /// <summary>The averaged network, in evaluation mode.</summary>
    public LcNet Network { get; }

    /// <summary>Takes the latest weights in.</summary>
    /// <param name="step">How many steps came before; the average is shorter at first, so that random weights are soon forgotten.</param>
    public void Update(int step)
    {
        using var uncollected = UncollectedRegion.Open();
        Average(1 - Math.Min(_decay, (step + 1.0) / (step + 10.0)));
    }

    public void Dispose() => Network.Dispose();

    private void Average(double latestShare)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach ((Tensor average, Tensor latest) in _pairs)
        {
            if (average.is_floating_point())
            {
                average.lerp_(latest, latestShare);
            }
            else
            {
                average.copy_(latest);
            }
        }
    }
}
