using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LCNet.Server.Tests;

/// <summary>Speaks HTTP/2 by hand, as far as it takes to do what no client does.</summary>
internal sealed class Http2Frames : IDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte GoAway = 7;
    public const byte Continuation = 9;
    public const byte EndOfStream = 1;
    public const byte EndOfHeaders = 4;
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;

    private Http2Frames(TcpClient client) => (_client, _stream) = (client, client.GetStream());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>Connects, and says that it speaks HTTP/2.</summary>
    public static async Task<Http2Frames> ConnectAsync(Uri server)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(new IPEndPoint(IPAddress.Parse(server.Host), server.Port), Token);
        var frames = new Http2Frames(client);
        await frames._stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(), Token);
        await frames.WriteAsync(Settings, 0, 0, []);
        return frames;
    }

    /// <summary>Headers of a call, uncompressed.</summary>
    public static byte[] Call(params (string Name, string Value)[] more)
    {
        using var block = new MemoryStream();
        (string, string)[] headers =
        [
            (":method", "POST"), (":scheme", "http"), (":path", RawRequest.Classify), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"), .. more,
        ];
        foreach ((string name, string value) in headers)
        {
            block.WriteByte(0);
            WriteText(block, name);
            WriteText(block, value);
        }

        return block.ToArray();
    }

    public async Task WriteAsync(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        await _stream.WriteAsync(frame, Token);
    }

    /// <summary>The next frame; null at the end of the connection.</summary>
    public async Task<(byte Type, int Stream, byte[] Payload)?> ReadAsync()
    {
        try
        {
            byte[] head = new byte[9];
            await _stream.ReadExactlyAsync(head, Token);
            byte[] payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >> 8];
            await _stream.ReadExactlyAsync(payload, Token);
            return (head[3], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>The next frame of a type; null where the connection ends before.</summary>
    public async Task<(byte Type, int Stream, byte[] Payload)?> ReadAsync(byte type)
    {
        while (await ReadAsync() is { } frame)
        {
            if (frame.Type == type)
            {
                return frame;
            }
        }

        return null;
    }

    public void Dispose() => _client.Dispose();

    // A length of seven bits, continued in groups of seven.
    private static void WriteText(MemoryStream block, string text)
    {
        int length = text.Length;
        if (length < 127)
        {
            block.WriteByte((byte)length);
        }
        else
        {
            block.WriteByte(127);
            for (length -= 127; length >= 128; length /= 128)
            {
                block.WriteByte((byte)((length % 128) + 128));
            }

            block.WriteByte((byte)length);
        }

        block.Write(Encoding.ASCII.GetBytes(text));
    }
}
