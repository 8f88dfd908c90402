using System.Globalization;
using System.Numerics;

namespace LCNet.Server.Configuration;

/// <summary>Reads the values of one configuration section and collects what is wrong with them. A value in error reads as its default.</summary>
internal sealed class SettingsReader(IConfigurationSection section)
{
    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> _problems = [];

    /// <summary>A line a problem, each beginning with the setting's full name.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Whether a setting has a value.</summary>
    public bool Has(string name)
    {
        _known.Add(name);
        return !string.IsNullOrWhiteSpace(section[name]);
    }

    /// <summary>Reads a text.</summary>
    public string Text(string name, string absent) => Has(name) ? section[name]!.Trim() : absent;

    /// <summary>Reads a whole number of a range, both ends included.</summary>
    public T Number<T>(string name, T absent, T least, T most)
        where T : struct, IBinaryInteger<T>
    {
        if (!Has(name))
        {
            return absent;
        }

        bool good = T.TryParse(Text(name, string.Empty), NumberStyles.Integer, CultureInfo.InvariantCulture, out T value) && value >= least && value <= most;
        Require(good, name, $"'{section[name]}' is not a whole number from {least} to {most}");
        return good ? value : absent;
    }

    /// <summary>Reads a number in (0, 1].</summary>
    public double Share(string name, double absent)
    {
        if (!Has(name))
        {
            return absent;
        }

        bool good = double.TryParse(Text(name, string.Empty), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value is > 0 and <= 1;
        Require(good, name, $"'{section[name]}' is not a number in (0, 1]");
        return good ? value : absent;
    }

    /// <summary>Reads a duration of a range, both ends included: hours, minutes and seconds.</summary>
    public TimeSpan Duration(string name, TimeSpan absent, TimeSpan least, TimeSpan most)
    {
        if (!Has(name))
        {
            return absent;
        }

        // A bare number would be days.
        string text = Text(name, string.Empty);
        bool good = text.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan value) && value >= least && value <= most;
        Require(good, name, $"'{section[name]}' is not a duration from {least:c} to {most:c}");
        return good ? TimeSpan.Parse(text, CultureInfo.InvariantCulture) : absent;
    }

    /// <summary>Reads <c>true</c> or <c>false</c>, in any case.</summary>
    public bool Flag(string name, bool absent)
    {
        if (!Has(name))
        {
            return absent;
        }

        bool good = bool.TryParse(Text(name, string.Empty), out bool value);
        Require(good, name, $"'{section[name]}' is neither true nor false");
        return good ? value : absent;
    }

    /// <summary>Reads a name of an enumeration, in any case.</summary>
    public T Choice<T>(string name, T absent)
        where T : struct, Enum
    {
        string text = Text(name, absent.ToString());
        if (Enum.GetNames<T>().Contains(text, StringComparer.OrdinalIgnoreCase))
        {
            return Enum.Parse<T>(text, ignoreCase: true);
        }

        Require(false, name, $"'{text}' is none of {string.Join(", ", Enum.GetNames<T>())}");
        return absent;
    }

    /// <summary>Reports every setting of the section that was not asked for.</summary>
    public void RefuseOthers()
    {
        foreach (IConfigurationSection other in section.GetChildren().Where(child => !_known.Contains(child.Key)))
        {
            Require(false, other.Key, "there is no such setting");
        }
    }

    /// <summary>Reports a problem that is not of the section.</summary>
    public void Refuse(string problem) => _problems.Add(problem);

    /// <summary>Reports a problem unless a condition holds.</summary>
    public void Require(bool good, string name, string problem)
    {
        if (!good)
        {
            _problems.Add($"{section.Path}:{name}: {problem}".ReplaceLineEndings(" "));
        }
    }
}
