namespace LCNet.Runtime;

/// <summary>An image whose turn has come.</summary>
/// <param name="Ticket">Its request.</param>
/// <param name="Image">Which of the request's images, counted from 0.</param>
public readonly record struct AdmissionTurn(AdmissionTicket Ticket, int Image);
