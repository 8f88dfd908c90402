namespace LCNet.Server;

/// <summary>How log lines look.</summary>
public enum LogFormat
{
    /// <summary>JSON where the program runs in a container (<c>DOTNET_RUNNING_IN_CONTAINER</c>), text elsewhere.</summary>
    Auto,

    /// <summary>For people.</summary>
    Text,

    /// <summary>A compact JSON object a line.</summary>
    Json,
}
