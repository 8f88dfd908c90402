using LCNet.Server;

return args is [HealthProbe.Argument, .. string[] rest] ? await HealthProbe.RunAsync(rest) : await ServerHost.RunAsync(args);
