"""The smoke test of the deployment: prints one line an answer."""

import concurrent.futures
import os

import requests

INFERENCE = os.environ.get("INFERENCE", "http://localhost:8080")
MANAGEMENT = os.environ.get("MANAGEMENT", "http://localhost:8081")


def predict(path, **request):
    answer = requests.post(f"{INFERENCE}/{path}", timeout=60, **request)
    return answer.status_code, answer.text


def main():
    print("ping", requests.get(f"{INFERENCE}/ping", timeout=60).json())
    print("echo", predict("predictions/echo", data=b"as it came"))
    print("echo file", predict("predictions/echo", files={"data": ("a.bin", b"\x30\x31", "application/octet-stream")}))
    print("sentiment", predict("predictions/sentiment", data={"data": "I love it"}))
    print("sentiment 2.0", predict("predictions/sentiment/2.0", data=b"so so"))
    print("explain", predict("explanations/sentiment", data=b"a good and great day"))
    print("regressor", predict("predictions/regressor", json=[3.0, 4.0]))
    print("v1", predict("v1/models/sentiment:predict", data=b"great"))
    print("invocations", predict("invocations?model_name=echo", data=b"old path"))
    print("bad", predict("predictions/chooser", data=b"bad"))
    chosen = requests.post(f"{INFERENCE}/predictions/chooser", data=b"word", timeout=60)
    print("chosen", chosen.status_code, chosen.text, chosen.headers["x-chosen"], chosen.headers["content-type"])
    print("unknown", predict("predictions/none", data=b""))
    with requests.post(f"{INFERENCE}/predictions/streamer", data=b"x", stream=True, timeout=60) as streamed:
        print("streamer", streamed.headers.get("transfer-encoding"), b"".join(streamed.iter_content(None)).decode())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sizes = sorted(text for _, text in pool.map(lambda _: predict("predictions/batcher", data=b"x"), range(8)))
    print("batched", max(sizes) > "1")
    for number in (1, 2, 3):
        print("session", predict("predictions/session", data=str(number), headers={"ts_request_sequence_id": "a"}))
    print("meter", [predict("predictions/meter", data=b"x")[1] for _ in range(3)])
    for name in ("batcher", "echo", "sentiment"):
        [about] = requests.get(f"{MANAGEMENT}/models/{name}", timeout=60).json()
        workers = [worker["status"] for worker in about["workers"]]
        print(name, about["modelVersion"], about["minWorkers"], about["maxWorkers"], about["batchSize"], workers)


if __name__ == "__main__":
    main()
