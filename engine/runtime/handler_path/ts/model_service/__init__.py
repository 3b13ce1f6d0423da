"""Handlers of the time before TorchServe."""
