namespace LCNet.Server;

/// <summary>Runs one image on the calling thread.</summary>
/// <param name="image">Which of its request's.</param>
/// <param name="buffers">For this image alone.</param>
/// <param name="waited">How long it waited for its turn.</param>
/// <param name="cancellation">The call's.</param>
/// <returns>FLOPs that it was planned to cost at the effort that it ran at.</returns>
internal delegate long ImageStep(int image, ClassifyBuffers buffers, TimeSpan waited, CancellationToken cancellation);
