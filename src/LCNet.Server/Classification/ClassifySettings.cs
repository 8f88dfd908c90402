namespace LCNet.Server;

/// <summary>What a request to classify asks for.</summary>
/// <param name="Budget">How much may be computed.</param>
/// <param name="TopK">How many predictions to return, 1 to the number of labels.</param>
internal readonly record struct ClassifySettings(ComputeBudget Budget, int TopK);
