namespace LCNet.Server;

/// <summary>The images of one checked request.</summary>
/// <param name="Model">That runs.</param>
/// <param name="Inputs">The images, at least one. They are let in or refused together.</param>
/// <param name="Dial">How much may be computed for each of them.</param>
/// <param name="Caller">Whose they are.</param>
/// <param name="IsBatch">Whether each image is a part of something larger and has a span of its own.</param>
internal sealed record ImageJob(ServedModel Model, IReadOnlyList<ImageInput> Inputs, Dial Dial, Caller Caller, bool IsBatch = false);
