using LCNet.Runtime.Execution;

namespace LCNet.Runtime.Tests.Execution;

public class ComputeDeviceTests
{
    [Theory]
    [InlineData("cpu", false, 0, "cpu")]
    [InlineData("cuda", true, 0, "cuda:0")]
    [InlineData("cuda:0", true, 0, "cuda:0")]
    [InlineData("cuda:12", true, 12, "cuda:12")]
    public void Parse_KnownDevice_IsRead(string text, bool cuda, int index, string name)
    {
        var device = ComputeDevice.Parse(text);
        Assert.Equal(new ComputeDevice(cuda, index), device);
        Assert.Equal(name, device.ToString());
        Assert.Equal(device, ComputeDevice.Parse(device.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("CPU")]
    [InlineData("gpu")]
    [InlineData("cpu:0")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:1 ")]
    [InlineData("cuda:x")]
    [InlineData("cuda:99999999999")]
    [InlineData(null)]
    public void Parse_AnythingElse_IsRefusedNamingTheChoices(string? text)
    {
        DeviceException exception = Assert.Throws<DeviceException>(() => ComputeDevice.Parse(text!));
        Assert.Equal($"device '{text}' is unknown: cpu, cuda or cuda:N", exception.Message);
    }
}
