"""Classifies images in a batch by the Open Inference Protocol, over gRPC and over HTTP, with Google's Python libraries and in the form in which tritonclient sends.

infer.py GRPC_PORT HTTP_PORT GENERATED IMAGE...: GENERATED is a folder with what protoc makes of the protos. Prints what both answered as one JSON object.
"""

import http.client
import json
import struct
import sys

grpc_port, http_port, generated, *files = sys.argv[1:]
sys.path.insert(0, generated)

import grpc  # noqa: E402
from inference import grpc_predict_v2_pb2 as pb  # noqa: E402

MODEL = "cifar10-lcnet"
contents = b"".join(struct.pack("<I", len(data)) + data for data in (open(file, "rb").read() for file in files))


def over_grpc():
    request = pb.ModelInferRequest(model_name=MODEL, raw_input_contents=[contents])
    request.inputs.add(name="image", datatype="BYTES", shape=[len(files), 1])
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 1
    request.outputs.add(name="executed_flops")
    with grpc.insecure_channel("127.0.0.1:" + grpc_port) as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer", request_serializer=pb.ModelInferRequest.SerializeToString, response_deserializer=pb.ModelInferResponse.FromString
        )
        reply = infer(request, timeout=60)
    classes, flops = reply.raw_output_contents
    return {"classes": texts(classes), "flops": list(struct.unpack(f"<{len(files)}q", flops)), "planned": reply.parameters["planned_flops"].int64_param}


def over_http():
    header = json.dumps(
        {
            "inputs": [{"name": "image", "shape": [len(files), 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(contents)}}],
            "outputs": [{"name": "probabilities", "parameters": {"classification": 1, "binary_data": True}}, {"name": "executed_flops", "parameters": {"binary_data": False}}],
        }
    ).encode()
    connection = http.client.HTTPConnection("127.0.0.1", int(http_port), timeout=60)
    connection.request("POST", f"/v2/models/{MODEL}/infer", header + contents, {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{response.status}: {body}")
    length = int(response.getheader("Inference-Header-Content-Length"))
    reply = json.loads(body[:length])
    return {"classes": texts(body[length:]), "flops": reply["outputs"][1]["data"], "planned": reply["parameters"]["planned_flops"]}


def texts(raw):
    result = []
    while raw:
        (size,) = struct.unpack_from("<I", raw)
        result.append(raw[4 : 4 + size].decode())
        raw = raw[4 + size :]
    return result


print(json.dumps({"grpc": over_grpc(), "http": over_http()}))
