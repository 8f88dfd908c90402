using System.Text;
using Microsoft.Extensions.Primitives;

namespace LCNet.Server;

/// <summary>Finds the API key among a request's headers.</summary>
internal static class SentKey
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";
    private const int LongestHeader = 2048;

    /// <summary>The key, as <c>authorization: Bearer KEY</c> or, as browsers ask for it, as the password of <c>Basic</c>; null where there is none.</summary>
    public static string? Of(HttpRequest request)
    {
        StringValues values = request.Headers.Authorization;
        if (values.Count != 1 || values[0] is not { Length: <= LongestHeader } value)
        {
            return null;
        }

        return value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? value[Bearer.Length..].Trim()
            : value.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? Password(value[Basic.Length..].Trim())
            : null;
    }

    private static string? Password(string encoded)
    {
        byte[] bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out int length))
        {
            return null;
        }

        string text = Encoding.UTF8.GetString(bytes, 0, length);
        return text.IndexOf(':', StringComparison.Ordinal) is >= 0 and int colon ? text[(colon + 1)..] : null;
    }
}
