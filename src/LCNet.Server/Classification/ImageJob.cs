namespace LCNet.Server;

/// <summary>One image of a checked request.</summary>
/// <param name="Model">That runs.</param>
/// <param name="Input">The image.</param>
/// <param name="Dial">How much may be computed.</param>
/// <param name="Admitted">Whether it waits however many wait already, as the rest of a batch does whose first images have been let in.</param>
internal readonly record struct ImageJob(ServedModel Model, ImageInput Input, Dial Dial, bool Admitted);
