using LCNet.Runtime.Execution;
using LCNet.Training.Networks;
using TorchSharp;

namespace LCNet.Cli.Train;

/// <summary>What a training computes on. Tensors that do not say where they are made are made there, while it is selected.</summary>
internal sealed class TrainingDevice
{
    private readonly bool _isGpu;

    private TrainingDevice(bool isGpu) => _isGpu = isGpu;

    /// <summary>Whether a device is a GPU.</summary>
    /// <param name="name">cpu, cuda or cuda:N.</param>
    /// <exception cref="DeviceException">It is none of these.</exception>
    public static bool IsGpu(string name) => ComputeDevice.Parse(name).IsCuda;

    /// <summary>Selects a device.</summary>
    /// <param name="name">cpu, cuda or cuda:N.</param>
    /// <exception cref="DeviceException">It is none of these, or torch cannot use it.</exception>
    public static TrainingDevice Select(string name)
    {
        ComputeDevice device = ComputeDevice.Parse(name);
        if (!device.IsCuda)
        {
            return new TrainingDevice(isGpu: false);
        }

        if (!torch.cuda.is_available())
        {
            throw new DeviceException($"--device {name}: torch finds no CUDA device. The program has to be built with -p:TorchLibraries=cuda, and the machine needs NVIDIA's driver.");
        }

        torch.InitializeDeviceType(DeviceType.CUDA);
        torch.set_default_device(new torch.Device(DeviceType.CUDA, device.Index));
        return new TrainingDevice(isGpu: true);
    }

    /// <summary>Goes back to the CPU, where a network is calibrated and exported as it will be verified.</summary>
    /// <param name="network">Moved there.</param>
    public void Leave(LcNet network)
    {
        if (_isGpu)
        {
            torch.set_default_device(torch.CPU);
            network.to(DeviceType.CPU);
        }
    }
}
