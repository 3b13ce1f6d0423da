"""The built-in handler `densenet_handler`, which TorchServe keeps for its oldest archives. Needs torchvision."""

from __future__ import annotations

from .image_classifier import ImageClassifier


class DenseNetHandler(ImageClassifier):
    """`image_classifier` under its first name."""
