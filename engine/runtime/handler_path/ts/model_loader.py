"""Loads a handler from an unpacked archive, by the rules of the worker that this runs in; for tests of handlers."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import Any

from .service import Service

# The worker's own package, under the name that it has inside workers.
LOADING = "marina_runtime.loading"


class ModelLoader(ABC):
    """What loads a model."""

    @abstractmethod
    def load(
        self,
        model_name: str,
        model_dir: str,
        handler: str,
        gpu_id: int | None,
        batch_size: int,
        envelope: str | None = None,
        limit_max_image_pixels: bool = True,
        metrics_cache: Any = None,
    ) -> Service:
        """Return the service of the initialised handler."""


class TsModelLoader(ModelLoader):
    """Loads what TorchServe's archives hold; the model's folder must be on the module path."""

    def load(
        self,
        model_name: str,
        model_dir: str,
        handler: str,
        gpu_id: int | None,
        batch_size: int,
        envelope: str | None = None,
        limit_max_image_pixels: bool = True,
        metrics_cache: Any = None,
    ) -> Service:
        """Return the service of the handler, initialised; raises what the handler's code raises."""
        loading = importlib.import_module(LOADING)
        entry = loading.find_entry_point(handler)
        handle = loading.wrap_in_envelope(entry, envelope) if envelope else entry.handle
        manifest = loading.read_manifest(model_dir)
        service = Service(
            model_name, model_dir, manifest, handle, gpu_id, batch_size, limit_max_image_pixels, metrics_cache
        )
        entry.initialize(service.context)
        return service


class ModelLoaderFactory:
    """Where loaders come from."""

    @staticmethod
    def get_model_loader() -> ModelLoader:
        """Return a loader."""
        return TsModelLoader()
