namespace LCNet.Server;

/// <summary>Tells clients apart, so that they can take turns. Thread-safe.</summary>
internal interface IClientIdentity
{
    /// <summary>Whose a call is. Called before the request is read, for refused calls too, so it has to be quick.</summary>
    /// <param name="context">The call.</param>
    /// <returns>Equal for calls of one client; never shown to callers.</returns>
    string Of(HttpContext context);
}
