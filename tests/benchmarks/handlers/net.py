"""A small network: a JSON list of 256 numbers in, the number of the largest of ten outputs out."""

import torch

SIDE = 256
_network = None


def make_network():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers = (torch.nn.Linear(SIDE, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU())
    return torch.nn.Sequential(*layers, torch.nn.Linear(512, 10)).eval()


def answers(rows):
    with torch.inference_mode():
        return _network(torch.tensor(rows)).argmax(dim=1).tolist()


def handle(data, context):
    global _network
    if _network is None:
        _network = make_network()
    if data is None:
        return None
    return [str(best) for best in answers([row.get("data") or row.get("body") for row in data])]
