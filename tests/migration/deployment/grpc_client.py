"""The deployment's gRPC client, with stubs that protoc generated from TorchServe's .proto files."""

import os

import grpc
import inference_pb2
import inference_pb2_grpc
import management_pb2
import management_pb2_grpc


def main():
    with grpc.insecure_channel(os.environ.get("GRPC_INFERENCE", "localhost:7070")) as channel:
        stub = inference_pb2_grpc.InferenceAPIsServiceStub(channel)
        print("ping", stub.Ping(inference_pb2.google_dot_protobuf_dot_empty__pb2.Empty()).health.strip())
        request = inference_pb2.PredictionsRequest(model_name="sentiment", input={"data": b"I love it"})
        print("sentiment", stub.Predictions(request).prediction.decode())
        request = inference_pb2.PredictionsRequest(model_name="streamer", input={"data": b"x"})
        print("streamer", "".join(part.prediction.decode() for part in stub.StreamPredictions(request)))
    with grpc.insecure_channel(os.environ.get("GRPC_MANAGEMENT", "localhost:7071")) as channel:
        stub = management_pb2_grpc.ManagementAPIsServiceStub(channel)
        scaled = stub.ScaleWorker(
            management_pb2.ScaleWorkerRequest(model_name="meter", min_worker=2, max_worker=2, synchronous=True)
        )
        print("scaled", scaled.msg)
        models = stub.ListModels(management_pb2.ListModelsRequest(limit=100)).msg
        print("listed", models.count("modelName"))


if __name__ == "__main__":
    main()
