using LCNet.Server;
using LCNet.Server.Hosting;

return args is [HealthProbe.Argument, .. string[] rest] ? await HealthProbe.RunAsync(rest) : await ServerHost.RunAsync(args);
