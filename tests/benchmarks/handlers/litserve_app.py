"""The same work as LitServe serves it: `python litserve_app.py WORK PORT WORKERS`, in an environment of its own."""

import sys
from pathlib import Path

import litserve

WORK, PORT, WORKERS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class Noop(litserve.LitAPI):
    def setup(self, device):
        pass

    def predict(self, request):
        return "OK"


class Net(litserve.LitAPI):
    def setup(self, device):
        sys.path.insert(0, str(Path(__file__).parent))
        import net

        net._network = net.make_network()
        self.answers = net.answers

    def batch(self, inputs):
        return list(inputs)

    def predict(self, rows):
        return [str(best) for best in self.answers(rows)]

    def unbatch(self, output):
        return output


if __name__ == "__main__":
    api = Noop() if WORK == "noop" else Net(max_batch_size=8, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=WORKERS)
    server.run(host="127.0.0.1", port=PORT, log_level="warning", generate_client_file=False)
