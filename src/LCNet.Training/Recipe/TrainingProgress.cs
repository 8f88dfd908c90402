namespace LCNet.Training.Recipe;

/// <summary>Where a training stands after a step.</summary>
/// <param name="Epoch">Epoch in progress, from 1.</param>
/// <param name="Epochs">Epochs in all.</param>
/// <param name="Step">Steps done in this epoch.</param>
/// <param name="Steps">Steps in each epoch.</param>
/// <param name="BatchSize">Images a step.</param>
/// <param name="Loss">Mean cross-entropy of this epoch so far.</param>
/// <param name="Accuracy">Share of this epoch's training images classified right so far, all efforts together, in [0, 1].</param>
/// <param name="FlopsShare">Mean planned over dense FLOPs of this epoch so far at effort 1, gates included, so it may exceed 1; exactly 1 in the dense phase.</param>
public sealed record TrainingProgress(int Epoch, int Epochs, int Step, int Steps, int BatchSize, double Loss, double Accuracy, double FlopsShare);
