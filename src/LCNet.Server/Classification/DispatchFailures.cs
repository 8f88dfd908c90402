using LCNet.Runtime;

namespace LCNet.Server;

/// <summary>Counts images whose run failed, and notes on the model where the device is to blame. Thread-safe.</summary>
internal sealed class DispatchFailures(ServerMetrics metrics, ILogger<DispatchFailures> logger)
{
    /// <summary>An image's run has failed.</summary>
    /// <param name="model">That it ran on.</param>
    /// <param name="exception">What the run threw.</param>
    /// <exception cref="DeviceFailedException">The device is to blame. Otherwise nothing is thrown, and the fault is this program's.</exception>
    public void Take(ServedModel model, Exception exception)
    {
        metrics.Of(model).Fail();
        if (!DeviceFault.Is(exception))
        {
            return;
        }

        if (model.Health.Fail(exception, out bool isLast))
        {
            Log.DispatchFailed(logger, model.Name, model.Engine.Device, exception);
        }

        if (isLast)
        {
            Log.DeviceFailed(logger, model.Name, model.Engine.Device);
        }

        throw new DeviceFailedException(exception);
    }
}
