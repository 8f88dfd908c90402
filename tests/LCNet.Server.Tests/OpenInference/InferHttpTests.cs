using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Inference;
using SkiaSharp;

namespace LCNet.Server.Tests;

/// <summary>The Open Inference Protocol over HTTP, next to the same over gRPC.</summary>
public sealed class InferHttpTests(ServerFixture fixture)
{
    private static readonly byte[][] Files = [.. Enumerable.Range(0, 5).Select(seed => TestImages.Encode(seed % 2 == 0 ? SKEncodedImageFormat.Jpeg : SKEncodedImageFormat.Png, seed))];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private HttpClient Http => fixture.One.Http;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Infer_Images_EqualsTheGrpcReply(bool isBinary)
    {
        ModelInferResponse expected = await new InferClient(fixture.One.Channel).InferAsync(InferClient.Images(raw: true, Files));
        (byte[] body, int length) = InferHttp.Binary(Files);

        InferHttpReply reply = await (isBinary ? InferHttp.SendAsync(Http, body, length) : InferHttp.SendAsync(Http, InferHttp.Json(Files)));

        AssertEqual(expected, reply);
        Assert.Equal(isBinary, reply.HeaderLength is not null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Infer_Tensors_NestedOrFlat_EqualsTheGrpcReply(bool isNested)
    {
        float[] values = [.. TestImages.Tensor(fixture.Bundle.Manifest.Input, 3).Values];
        ModelInferResponse expected = await new InferClient(fixture.One.Channel).InferAsync(InferClient.Tensors(raw: true, 1, values));
        const int side = TestBundle.Side;
        object data = isNested ? new[] { values.Chunk(side * side).Select(plane => plane.Chunk(side).ToArray()).ToArray() } : values;
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(new { inputs = new[] { new { name = "tensor", datatype = "FP32", shape = new[] { 1, 3, side, side }, data } } });

        AssertEqual(expected, await InferHttp.SendAsync(Http, body));
    }

    [Fact]
    public async Task Infer_AsTritonsHttpClientSends_IsAnswered()
    {
        // tritonclient.http: InferInput.set_data_from_numpy (binary_data=True is its default), InferRequestedOutput(class_count=2) and _get_inference_request.
        byte[] contents = InferClient.RawFiles(Files);
        byte[] header = Encoding.UTF8.GetBytes(
            $$$"""{"id":"1","inputs":[{"name":"image","shape":[{{{Files.Length}}},1],"datatype":"BYTES","parameters":{"binary_data_size":{{{contents.Length}}}}}],"outputs":[{"name":"probabilities","parameters":{"classification":2,"binary_data":true}},{"name":"executed_flops","parameters":{"binary_data":true}}]}""");

        InferHttpReply reply = await InferHttp.SendAsync(Http, [.. header, .. contents], header.Length);

        Assert.Equal(2 * Files.Length, reply.Values("probabilities").Length);
        Assert.All(reply.Values("probabilities"), text => Assert.Matches(@"^0\.\d{6}:\d:class \d$", text));
        Assert.Equal(InferClient.Longs(await new InferClient(fixture.One.Channel).InferAsync(InferClient.Images(raw: true, Files)), "executed_flops").Select(value => value.ToString(CultureInfo.InvariantCulture)), reply.Values("executed_flops"));
    }

    [Fact]
    public async Task Infer_AsKServesHttpClientSends_IsAnswered()
    {
        // kserve.InferRequest.to_rest: with an id and the model's name, which the path has too.
        byte[] contents = [.. Files.SelectMany(file => (byte[])[.. InferClient.LittleEndian(file.Length), .. file])];
        byte[] header = Encoding.UTF8.GetBytes(
            $$$"""{"id":"9d1e","model_name":"alpha","inputs":[{"name":"image","shape":[{{{Files.Length}}}],"datatype":"BYTES","parameters":{"binary_data_size":{{{contents.Length}}}}}],"parameters":{"effort":0.5}}""");

        InferHttpReply reply = await InferHttp.SendAsync(Http, [.. header, .. contents], header.Length);

        Assert.Equal((HttpStatusCode.OK, "9d1e"), (reply.Status, (string?)reply.Json["id"]));
        Assert.All(reply.Values("effort"), effort => Assert.Equal("0.5", effort));
        Assert.Null(reply.HeaderLength);
    }

    [Fact]
    public async Task Infer_BinaryTensorAndOutputsOneByOne_AreAsAsked()
    {
        float[] values = [.. TestImages.Tensor(fixture.Bundle.Manifest.Input, 3).Values];
        byte[] contents = MemoryMarshal.AsBytes<float>(values).ToArray();
        byte[] header = Encoding.UTF8.GetBytes(
            $$$"""{"id":"a ☃","inputs":[{"name":"tensor","datatype":"FP32","shape":[1,3,{{{TestBundle.Side}}},{{{TestBundle.Side}}}],"parameters":{"binary_data_size":{{{contents.Length}}}}}],"outputs":[{"name":"index","parameters":{"binary_data":true}},{"name":"label","parameters":{"binary_data":false}},{"name":"effort"}],"parameters":{"effort":0.25}}""");

        InferHttpReply reply = await InferHttp.SendAsync(Http, [.. header, .. contents], header.Length);

        Assert.Equal((HttpStatusCode.OK, "a ☃"), (reply.Status, (string?)reply.Json["id"]));
        Assert.Equal(["index", "label", "effort"], reply.Json["outputs"]!.AsArray().Select(output => (string)output!["name"]!));
        Assert.Equal([true, false, false], reply.Json["outputs"]!.AsArray().Select(output => output!["data"] is null));
        Assert.Equal(["0.25"], reply.Values("effort"));
        Assert.Equal(fixture.Bundle.Manifest.Labels[int.Parse(reply.Values("index")[0], CultureInfo.InvariantCulture)], reply.Values("label")[0]);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Infer_CompressedBothWays_EqualsThePlainReply(string encoding)
    {
        (byte[] body, int length) = InferHttp.Binary(Files);
        using var packed = new MemoryStream();
        await using (Stream packing = encoding == "gzip" ? new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true) : new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await packing.WriteAsync(body, Token);
        }

        InferHttpReply reply = await InferHttp.SendAsync(Http, packed.ToArray(), length, headers: [("Content-Encoding", encoding), ("Accept-Encoding", "gzip")]);

        Assert.Equal((HttpStatusCode.OK, "gzip"), (reply.Status, reply.Encoding));
        using var unpacking = new GZipStream(new MemoryStream(reply.Body), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        await unpacking.CopyToAsync(unpacked, Token);
        InferHttpReply plain = await InferHttp.SendAsync(Http, body, length);
        Assert.Equal(plain.Values("logits"), new InferHttpReply(reply.Status, unpacked.ToArray(), reply.HeaderLength, string.Empty).Values("logits"));
    }

    [Theory]
    [InlineData("", null, "the request is not JSON: line 1, byte 1")]
    [InlineData("{", null, "the request is not JSON: line 1, byte 2")]
    [InlineData("[]", null, "request: is not a JSON object")]
    [InlineData("{}", null, "inputs: there are 0; a request takes one, image or tensor")]
    [InlineData("""{"inputs":{}}""", null, "inputs: is not an array")]
    [InlineData("""{"inputs":[1]}""", null, "inputs[0]: is not a JSON object")]
    [InlineData("""{"inputs":[],"model":"alpha"}""", null, "request: 'model' is not taken")]
    [InlineData("""{"inputs":[],"model_name":"beta"}""", null, "model_name: 'beta' is not what the path names, 'alpha'")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[1]}]}""", null, "inputs[0].data: an element is not a text in base64")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[2],"data":["aaaa"]}]}""", null, "inputs[0].data: there are 1; the shape has 2")]
    [InlineData("""{"inputs":[{"name":"tensor","datatype":"FP32","shape":[1,3,16,16],"data":["a"]}]}""", null, "inputs[0].data: an element is not a number")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1.5],"data":[]}]}""", null, "inputs[0].shape: an element is not a whole number")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["aaaa"]}],"parameters":{"efort":1}}""", null, "parameters: there is no parameter 'efort'; effort and max_flops are taken")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["aaaa"]}],"parameters":{"effort":[1]}}""", null, "parameters.effort: is neither a boolean, a number nor a text")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["aaaa"]}],"outputs":[{"name":"x"}]}""", null, "outputs[0].name: there is no output 'x'; ModelMetadata names them")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}""", null, "inputs[0].parameters.binary_data_size: is not a number of bytes from 0 to 0, which are behind the JSON")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["aaaa"],"parameters":{"binary_data_size":0}}]}""", null, "inputs[0].data, inputs[0].parameters.binary_data_size: only one of them may be given")]
    [InlineData("""{"inputs":[]}and more""", 13, "the body has 8 bytes behind the JSON that no input's binary_data_size speaks of")]
    [InlineData("{}", 3, "Inference-Header-Content-Length: is 3, but the body has 2 bytes")]
    [InlineData("""{"inputs":[],"inputs":[]}""", null, null)]
    [InlineData("""{"id":"\ud800"}""", null, "the request has a text that is not Unicode")]
    public async Task Infer_WrongRequest_IsRefusedAndNamed(string body, int? headerLength, string? error)
    {
        InferHttpReply reply = await InferHttp.SendAsync(Http, Encoding.UTF8.GetBytes(body), headerLength);

        Assert.Equal(HttpStatusCode.BadRequest, reply.Status);
        Assert.Equal(error ?? reply.Error, reply.Error);
        Assert.NotNull(reply.Error);
        Assert.Single(reply.Json.AsObject());
    }

    [Theory]
    [InlineData("/v2/models/gamma/infer", "model_name: there is no model 'gamma'; served: alpha")]
    [InlineData("/v2/models/alpha/versions/7/infer", "model_version: there is no version '7' of 'alpha'; served: 3")]
    [InlineData("/v2/nothing", "there is nothing at '/v2/nothing'")]
    public async Task Infer_NoSuchModelOrPath_IsNotFound(string path, string error)
    {
        InferHttpReply reply = await InferHttp.SendAsync(Http, InferHttp.Json(Files), path: path);

        Assert.Equal((HttpStatusCode.NotFound, error), (reply.Status, reply.Error));
    }

    [Fact]
    public async Task Infer_AnImageThatCannotBeRead_IsNamed()
    {
        (byte[] body, int length) = InferHttp.Binary(Files[0], [1, 2, 3]);

        Assert.Equal("the binary data of inputs[0], image 1: the image is not a readable JPEG, PNG, WebP or BMP file", (await InferHttp.SendAsync(Http, body, length)).Error);
        Assert.Equal("inputs[0].data[1]: the image is not a readable JPEG, PNG, WebP or BMP file", (await InferHttp.SendAsync(Http, InferHttp.Json(Files[0], [1, 2, 3]))).Error);
    }

    [Fact]
    public async Task Infer_TooLargeOrFromAnotherPageOrByGet_IsRefused()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "MaxImageBytes=1000", "MaxRequestBytes=2000");
        InferHttpReply large = await InferHttp.SendAsync(server.Http, new byte[2001]);
        InferHttpReply other = await InferHttp.SendAsync(server.Http, InferHttp.Json(Files), headers: ("Sec-Fetch-Site", "cross-site"));
        (HttpStatusCode method, JsonNode? answer) = await InferHttp.GetAsync(server.Http, "/v2/models/alpha/infer");

        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "the request has 2001 bytes; the limit is 2000"), (large.Status, large.Error));
        Assert.Equal((HttpStatusCode.Forbidden, "the request comes from a page of another server"), (other.Status, other.Error));
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "/v2/models/alpha/infer does not take 'GET'; it takes POST"), (method, (string?)answer!["error"]));
    }

    [Fact]
    public async Task State_Started_IsToldToAnybody()
    {
        Assert.Equal("""{"live":true}""", (await InferHttp.GetAsync(Http, "/v2/health/live")).Answer!.ToJsonString());
        Assert.Equal("""{"ready":true}""", (await InferHttp.GetAsync(Http, "/v2/health/ready")).Answer!.ToJsonString());
        Assert.Equal("""{"name":"alpha","ready":true}""", (await InferHttp.GetAsync(Http, "/v2/models/alpha/ready")).Answer!.ToJsonString());
        Assert.Equal("""{"name":"alpha","ready":true}""", (await InferHttp.GetAsync(Http, "/v2/models/alpha/versions/3/ready")).Answer!.ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await InferHttp.GetAsync(Http, "/v2/models/gamma/ready")).Status);
        JsonNode server = (await InferHttp.GetAsync(Http, "/v2")).Answer!;
        Assert.Equal("LCNet.Serving", (string?)server["name"]);
        Assert.Contains("binary_tensor_data", server["extensions"]!.AsArray().Select(extension => (string)extension!));
    }

    [Fact]
    public async Task Metadata_OfAModel_IsWhatGrpcSays()
    {
        ModelMetadataResponse expected = await new InferClient(fixture.Several.Channel).Calls.ModelMetadataAsync(
            new ModelMetadataRequest { Name = "alpha", Version = "9" }, deadline: TestServer.Deadline, cancellationToken: Token);

        JsonNode reply = (await InferHttp.GetAsync(fixture.Several.Http, "/v2/models/alpha/versions/9")).Answer!;

        Assert.Equal(expected, Google.Protobuf.JsonParser.Default.Parse<ModelMetadataResponse>(reply.ToJsonString()));
    }

    [Fact]
    public async Task EveryCall_Draining_SaysSo()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel);
        server.App.Lifetime.StopApplication();

        Assert.Equal(HttpStatusCode.OK, (await InferHttp.GetAsync(server.Http, "/v2/health/live")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await InferHttp.GetAsync(server.Http, "/v2/health/ready")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await InferHttp.GetAsync(server.Http, "/v2/models/alpha/ready")).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await InferHttp.GetAsync(server.Http, "/v2/models/alpha")).Status);
        InferHttpReply reply = await InferHttp.SendAsync(server.Http, InferHttp.Json(Files));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "the server is draining"), (reply.Status, reply.Error));
    }

    [Fact]
    public async Task Stop_RequestsInFlight_AreAnsweredOrToldToGoElsewhere()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1");
        Task<InferHttpReply>[] calls = [.. Enumerable.Range(0, 30).Select(_ => InferHttp.SendAsync(server.Http, InferHttp.Json(Files)))];
        await Task.WhenAny(calls);

        await server.App.StopAsync(Token);

        InferHttpReply[] replies = await Task.WhenAll(calls);
        Assert.All(replies, reply => Assert.True(reply.Status is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{reply.Status}: {reply.Error}"));
        Assert.Contains(replies, reply => reply.Status == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Infer_NoRoom_IsRefusedWithADelayAndCounted()
    {
        await using TestServer server = await TestServer.StartAsync(fixture.OneModel, "Workers=1", "MaxQueue=0");
        using var metrics = new MetricCapture(server);
        InferHttpReply[] replies = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => InferHttp.SendAsync(server.Http, InferHttp.Json(Files[0]))));

        InferHttpReply[] refused = [.. replies.Where(reply => reply.Status != HttpStatusCode.OK)];
        Assert.NotEmpty(refused);
        Assert.All(refused, reply => Assert.Equal((HttpStatusCode.TooManyRequests, "the queue is full: 0 images are waiting"), (reply.Status, reply.Error)));
        Assert.Equal(refused.Length, await MetricCheck.CountAsync(metrics, $"lcnet.requests{{model={ServerFixture.Model},status=RESOURCE_EXHAUSTED}}", refused.Length));
    }

    private static void AssertEqual(ModelInferResponse expected, InferHttpReply reply)
    {
        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal((expected.ModelName, expected.ModelVersion), ((string?)reply.Json["model_name"], (string?)reply.Json["model_version"]));
        Assert.Equal(expected.Outputs.Select(output => (output.Name, output.Datatype)), reply.Json["outputs"]!.AsArray().Select(output => ((string)output!["name"]!, (string)output["datatype"]!)));
        Assert.Equal(InferClient.Floats(expected, "logits"), reply.Values("logits").Select(value => float.Parse(value, CultureInfo.InvariantCulture)));
        Assert.Equal(InferClient.Texts(expected, "label"), reply.Values("label"));
        foreach (string name in new[] { "index", "planned_flops", "executed_flops", "channels_retained" })
        {
            Assert.Equal(InferClient.Longs(expected, name), reply.Values(name).Select(value => long.Parse(value, CultureInfo.InvariantCulture)));
        }

        foreach (string name in new[] { "dense_flops", "planned_flops", "executed_flops", "gate_flops" })
        {
            Assert.Equal(expected.Parameters[name].Int64Param, (long?)reply.Json["parameters"]![name]);
        }

        Assert.Equal("cpu", (string?)reply.Json["parameters"]!["device"]);
    }
}
