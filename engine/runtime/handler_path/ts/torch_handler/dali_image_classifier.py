"""The built-in handler `dali_image_classifier`, which Marina does not run."""

from __future__ import annotations

from .dali_handler import DALIHandler


class DALIImageClassifier(DALIHandler):
    """Fails to load, and says what to use instead."""
