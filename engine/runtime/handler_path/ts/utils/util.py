"""Classes of a module, labels of a classifier, and the exception that carries a status."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import logging
import re
import warnings
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

Function = TypeVar("Function", bound="Callable[..., Any]")

CLEANUP_REGEX = re.compile("<.*?>|&([a-z0-9]+|#[0-9]{1,6}|#x[0-9a-f]{1,6});")

logger = logging.getLogger(__name__)


class PT2Backend(str, Enum):
    """Backends that torch.compile is allowed to use."""

    EAGER = "eager"
    AOT_EAGER = "aot_eager"
    INDUCTOR = "inductor"
    NVFUSER = "nvfuser"
    AOT_NVFUSER = "aot_nvfuser"
    AOT_CUDAGRAPHS = "aot_cudagraphs"
    OFI = "ofi"
    FX2TRT = "fx2trt"
    ONNXRT = "onnxrt"
    IPEX = "ipex"
    TORCHXLA_TRACE_ONCE = "torchxla_trace_once"
    OPENVINO = "openvino"
    TENSORRT = "tensorrt"
    HPU_BACKEND = "hpu_backend"


class PredictionException(Exception):  # noqa: N818 - TorchServe's name
    """Raised by a handler to answer the whole batch with `error_code` and `message`."""

    def __init__(self, message: str, error_code: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code

    def __str__(self) -> str:
        return f"{self.message} : {self.error_code}"


def list_classes_from_module(module: ModuleType, parent_class: type | None = None) -> list[type[Any]]:
    """Return the classes defined in `module` itself, by name; only those derived from `parent_class` if given."""
    return [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and (parent_class is None or issubclass(found, parent_class))
    ]


def load_label_mapping(mapping_file_path: str) -> dict[str, str] | None:
    """Return class to label from a JSON file, None (and a warning) without one; raises ValueError for other content.

    The file is {"0": "label"}, {"0": [..., "label"]} or {"object_type_names": ["label", ...]}.
    """
    path = Path(mapping_file_path)
    if not path.is_file():
        logger.warning("%s is missing. Inference output will not include class names.", path)
        return None
    mapping = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(mapping, dict):
        raise ValueError(f'{path.name} should be JSON in the form {{"class": "label"}}')  # noqa: TRY004 - bad content
    names = mapping.get("object_type_names")
    if isinstance(names, list):
        return {str(index): name for index, name in enumerate(names)}
    labels = {key: value[-1] if isinstance(value, list) else value for key, value in mapping.items()}
    if not all(isinstance(label, str) for label in labels.values()):
        raise ValueError(f"labels in {path.name} must be either str or [str]")
    return labels


def map_class_to_label(
    probs: list[list[float]],
    mapping: dict[str, str] | None = None,
    lbl_classes: Iterable[Iterable[Any]] | None = None,
) -> list[dict[str, float]]:
    """Return label to probability for each row of `probs`; classes are 0, 1, ... unless `lbl_classes` names them."""
    if not isinstance(probs, list):
        raise TypeError("Convert classes to list before doing mapping")
    if mapping is not None and not isinstance(mapping, dict):
        raise TypeError("Mapping must be a dict")
    classes = itertools.repeat(range(len(probs[0])), len(probs)) if lbl_classes is None and probs else lbl_classes or ()
    return [
        {(str(name) if mapping is None else mapping[str(name)]): prob for name, prob in zip(names, row)}
        for names, row in zip(classes, probs)
    ]


def get_yaml_config(yaml_file_path: str) -> Any:
    """Return the content of a YAML file; raises ImportError where PyYAML is not installed."""
    import yaml  # noqa: PLC0415 - an optional package

    return yaml.safe_load(Path(yaml_file_path).read_text(encoding="utf-8"))


def check_valid_pt2_backend(backend: str) -> bool:
    """Whether torch.compile may use `backend`; warns when not."""
    if backend in [known.value for known in PT2Backend]:
        return True
    logger.warning("%s is not a known backend of torch.compile; the model stays uncompiled", backend)
    return False


def deprecated(
    version: str, replacement: str = "", klass: type[Warning] = PendingDeprecationWarning
) -> Callable[[Function], Function]:
    """Mark a function as deprecated since `version`; calls to it warn and name the replacement."""

    def decorate(function: Function) -> Function:
        hint = f", use {replacement} instead" if replacement else ""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(f"{function.__name__} is deprecated since {version}{hint}", klass, stacklevel=2)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]  # wraps keeps the signature

    return decorate
