namespace LCNet.Runtime;

/// <summary>The rows that gates or the head read. Where they are on the <see cref="DispatchTape"/> is given as places there.</summary>
/// <param name="Rows">Rows to compute, those that pad it included.</param>
/// <param name="RowsAt">Index: the slot of each row.</param>
/// <param name="PricesAt">Value: the price of compute of each row.</param>
internal readonly record struct RowReading(int Rows, int RowsAt, int PricesAt);
