using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace LCNet.Fuzzing;

/// <summary>Changes messages field by field, so that what is wrong with them lies behind the parser as often as in front of it.</summary>
internal sealed class MessageMutator(Random random)
{
    private static readonly double[] Doubles = [0, -0.0, 1, 0.5, -1, 1.5, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon, double.MaxValue];
    private static readonly long[] Integers = [0, 1, -1, 2, 3, 16, 255, 256, 65536, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue];
    private static readonly string[] Texts =
        ["", " ", "alpha", "ALPHA", "alpha/3", "../alpha", "3", "-1", "99999999999999999999", "BYTES", "FP32", "encoded_image", "\0", "é\u202E", "%s%n", new string('a', 5000)];

    /// <summary>Changes a few fields.</summary>
    public void Mutate(IMessage message)
    {
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            Change(message);
        }
    }

    /// <summary>Changes bytes: some flipped, some cut off, some put in, some repeated.</summary>
    public byte[] Mutate(byte[] bytes)
    {
        List<byte> changed = [.. bytes];
        for (int change = random.Next(1, 6); change > 0; change--)
        {
            int at = random.Next(changed.Count + 1);
            switch (random.Next(5))
            {
                case 0 when at < changed.Count:
                    changed[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < changed.Count:
                    changed[at] = (byte)random.Next(256);
                    break;
                case 2 when random.Next(4) == 0:
                    changed.RemoveRange(at, changed.Count - at);
                    break;
                case 3:
                    byte[] more = new byte[random.Next(1, 20)];
                    random.NextBytes(more);
                    changed.InsertRange(at, more);
                    break;
                default:
                    int length = Math.Min(random.Next(1, 64), changed.Count - at);
                    changed.InsertRange(random.Next(changed.Count + 1), changed.GetRange(at, length));
                    break;
            }
        }

        return [.. changed];
    }

    private void Change(IMessage message)
    {
        IList<FieldDescriptor> fields = message.Descriptor.Fields.InDeclarationOrder();
        if (fields.Count == 0)
        {
            return;
        }

        FieldDescriptor field = fields[random.Next(fields.Count)];
        if (field.IsMap)
        {
            var map = (IDictionary)field.Accessor.GetValue(message);
            FieldDescriptor key = field.MessageType.FindFieldByNumber(1);
            FieldDescriptor value = field.MessageType.FindFieldByNumber(2);
            map[Value(key)] = Value(value);
        }
        else if (field.IsRepeated)
        {
            Change(field, (IList)field.Accessor.GetValue(message));
        }
        else if (random.Next(5) == 0)
        {
            field.Accessor.Clear(message);
        }
        else if (field.FieldType == FieldType.Message && field.Accessor.GetValue(message) is IMessage inner && random.Next(4) != 0)
        {
            Change(inner);
        }
        else if (field.FieldType == FieldType.Bytes && field.Accessor.GetValue(message) is ByteString { Length: > 0 } old && random.Next(8) != 0)
        {
            field.Accessor.SetValue(message, ByteString.CopyFrom(Mutate(old.ToByteArray())));
        }
        else
        {
            field.Accessor.SetValue(message, Value(field));
        }
    }

    private void Change(FieldDescriptor field, IList list)
    {
        switch (random.Next(4))
        {
            case 0 when list.Count > 0:
                list.RemoveAt(random.Next(list.Count));
                break;
            case 1 when list.Count > 0:
                list.Add(list[random.Next(list.Count)]);
                break;
            case 2 when list.Count > 0 && field.FieldType == FieldType.Message:
                Change((IMessage)list[random.Next(list.Count)]!);
                break;
            case 2 when list.Count > 0:
                list[random.Next(list.Count)] = Value(field);
                break;
            default:
                list.Add(Value(field));
                break;
        }
    }

    private object Value(FieldDescriptor field)
    {
        long integer = Integers[random.Next(Integers.Length)];
        double real = Doubles[random.Next(Doubles.Length)];
        return field.FieldType switch
        {
            FieldType.Double => real,
            FieldType.Float => (float)real,
            FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => integer,
            FieldType.UInt64 or FieldType.Fixed64 => (ulong)integer,
            FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => (int)integer,
            FieldType.UInt32 or FieldType.Fixed32 => (uint)integer,
            FieldType.Bool => random.Next(2) == 0,
            FieldType.String => Texts[random.Next(Texts.Length)],
            FieldType.Bytes => Noise(),
            FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, (int)integer),
            FieldType.Message => Filled(field.MessageType),
            _ => throw new NotSupportedException($"{field.FullName} is a {field.FieldType}."),
        };
    }

    private ByteString Noise()
    {
        byte[] noise = new byte[random.Next(4) == 0 ? 0 : random.Next(300)];
        random.NextBytes(noise);
        return ByteString.CopyFrom(noise);
    }

    private IMessage Filled(MessageDescriptor type)
    {
        IMessage message = type.Parser.ParseFrom(ByteString.Empty);
        if (random.Next(2) == 0)
        {
            Change(message);
        }

        return message;
    }
}
