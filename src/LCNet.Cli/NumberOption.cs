using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace LCNet.Cli;

/// <summary>
/// Options that take numbers: written as 1234.5 or 1e3 whatever the language of the machine, without separators between thousands. What the library does by itself takes 2,5 for 25.
/// </summary>
internal static class NumberOption
{
    /// <summary>An option with a default.</summary>
    public static Option<T> Of<T>(string name, string description, T value)
        where T : struct, INumber<T> =>
        new(name) { Description = description, DefaultValueFactory = _ => value, CustomParser = result => Parse<T>(result, result.Tokens[^1]) };

    /// <summary>An option that may be left out.</summary>
    public static Option<T?> Of<T>(string name, string description)
        where T : struct, INumber<T> =>
        new(name) { Description = description, CustomParser = result => Parse<T>(result, result.Tokens[^1]) };

    /// <summary>An option that takes one number or several.</summary>
    public static Option<T[]> Several<T>(string name, string description, params T[] values)
        where T : struct, INumber<T> =>
        new(name)
        {
            Description = description,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => values,
            CustomParser = result => [.. result.Tokens.Select(token => Parse<T>(result, token))],
        };

    private static T Parse<T>(ArgumentResult result, Token token)
        where T : struct, INumber<T>
    {
        NumberStyles style = typeof(T) == typeof(double) ? NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent : NumberStyles.AllowLeadingSign;
        if (T.TryParse(token.Value, style, CultureInfo.InvariantCulture, out T value) && T.IsFinite(value))
        {
            return value;
        }

        string kind = style == NumberStyles.AllowLeadingSign ? "a whole number" : "a number like 0.5";
        result.AddError($"{(result.Parent as OptionResult)?.Option.Name}: '{token.Value}' is not {kind}.");
        return default;
    }
}
