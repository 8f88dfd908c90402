using LCNet.Server;

return await ServerHost.RunAsync(args);
