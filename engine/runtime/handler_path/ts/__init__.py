"""The handler API of TorchServe 0.12, as handlers import it: `ts.context`, `ts.torch_handler`, `ts.metrics`, ...

Runs inside worker processes. Standard library only at import, apart from the modules whose purpose is torch.
"""

__version__ = "0.12.0"
