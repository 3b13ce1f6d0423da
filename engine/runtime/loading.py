"""From a handler string to a handler that is ready to be called. Imports and runs the user's code, on the main thread.

The rules are TorchServe's, apart from one: an ImportError raised inside the user's own module is reported as it is,
instead of as a missing module of `ts.torch_handler`.
"""

from __future__ import annotations

import importlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ts.context import Context
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.utils.util import list_classes_from_module

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

BUILT_IN = "ts.torch_handler"
ENVELOPES = "ts.torch_handler.request_envelope"

logger = logging.getLogger(__name__)


class EntryPoint(NamedTuple):
    """How to call a handler: `handle(rows, context)` per batch, after one `initialize(context)`."""

    handle: Callable[[list[dict[str, Any]] | None, Context], Any]
    initialize: Callable[[Context], Any]


class LoadedModel(NamedTuple):
    """An initialised handler, its context, and the device it says it is on ("cpu", "cuda:0")."""

    handle: Callable[[list[dict[str, Any]] | None, Context], Any]
    context: Context
    device: str


def load_model(load: dict[str, Any], settle: Callable[[Any], Any] = lambda outcome: outcome) -> LoadedModel:
    """Import and initialise the handler that a LOAD frame names; raises whatever the user's code raises.

    `settle` gets what initialising returned: a coroutine has to be waited for.
    """
    context = make_context(load)
    entry = find_entry_point(load["handler"])
    settle(entry.initialize(context))
    entry = _as_initialised(entry)
    handle = wrap_in_envelope(entry, load["envelope"]) if load.get("envelope") else entry.handle
    return LoadedModel(handle, context, _device_of(entry, load["gpu_id"]))


def make_context(load: dict[str, Any]) -> Context:
    """Return the context that the handler keeps for its whole life."""
    metrics = MetricsCacheYamlImpl(load.get("metrics_config", ""))
    metrics.model_name = load["model_name"]
    metrics.declare(load.get("model_metrics", {}))
    return Context(
        load["model_name"],
        load["model_dir"],
        read_manifest(load["model_dir"]),
        load["batch_size"],
        load["gpu_id"],
        load["server_version"],
        load["limit_max_image_pixels"],
        metrics,
        read_model_config(load),
    )


def read_manifest(model_dir: str) -> dict[str, Any] | None:
    """Return MAR-INF/MANIFEST.json as it is, None when there is none; raises ValueError when it is no JSON."""
    path = Path(model_dir, "MAR-INF", "MANIFEST.json")
    if not path.is_file():
        return None
    manifest: dict[str, Any] = json.loads(path.read_bytes())  # bytes may begin with a byte order mark
    return manifest


def read_model_config(load: dict[str, Any]) -> Any:
    """Return the parsed model-config.yaml, keys of any type included where this interpreter has PyYAML.

    Elsewhere, and when the file cannot be read, it is what the engine parsed, in which every key is text.
    """
    if load["config_file"]:
        try:
            import yaml  # noqa: PLC0415 - an optional package, wanted only by models with a config file

            return yaml.safe_load(Path(load["model_dir"], load["config_file"]).read_bytes())
        except ImportError:
            logger.debug("PyYAML is not installed for this interpreter")
        except (OSError, ValueError, yaml.YAMLError) as error:
            logger.warning("%s cannot be read: %s", load["config_file"], error)
    return load["model_config"]


def find_entry_point(handler: str) -> EntryPoint:
    """Return the function or the one class that `handler` names ("module", "dir/module.py", "module:function").

    Raises ImportError for a module that is not there, ValueError when it has no single entry point.
    """
    module_part, _, function_name = handler.partition(":")
    module = _import_handler(handler, module_part.removesuffix(".py").rpartition("/")[2])
    function = getattr(module, function_name or "handle", None)
    if function is not None:
        return EntryPoint(function, lambda context: function(None, context))
    instance = _only_class(module, function_name or "handle")()
    return EntryPoint(instance.handle, instance.initialize)


def wrap_in_envelope(entry: EntryPoint, name: str) -> Callable[[list[dict[str, Any]] | None, Context], Any]:
    """Return the `handle` of the envelope `name` around the entry point (TorchServe: its module's first class)."""
    module = importlib.import_module(f"{ENVELOPES}.{name}")
    envelope = list_classes_from_module(module)[0](entry.handle)
    handle: Callable[[list[dict[str, Any]] | None, Context], Any] = envelope.handle
    return handle


def _import_handler(handler: str, module_name: str) -> ModuleType:
    if not module_name:
        raise ValueError(f"The handler {handler!r} names no module")
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not _is_missing(module_name, error):
            raise
    built_in = f"{BUILT_IN}.{handler}"
    try:
        return importlib.import_module(built_in)
    except ModuleNotFoundError as error:
        if not _is_missing(built_in, error):
            raise
    message = f"No module named {module_name!r} in the archive, nor a built-in handler of that name"
    raise ModuleNotFoundError(message, name=module_name)


def _is_missing(module_name: str, error: ModuleNotFoundError) -> bool:
    """Whether `error` says that the module itself is not there, and not one that it imports."""
    return bool(error.name) and f"{module_name}.".startswith(f"{error.name}.")


def _only_class(module: ModuleType, function_name: str) -> type[Any]:
    classes = list_classes_from_module(module)
    if len(classes) != 1:
        found = ", ".join(found.__name__ for found in classes) or "none"
        raise ValueError(
            f"The handler {module.__name__} needs a function {function_name!r} or exactly one class; classes: {found}"
        )
    for needed in ("handle", "initialize"):
        if not hasattr(classes[0], needed):
            raise ValueError(f"The class {classes[0].__name__} of handler {module.__name__} has no method {needed!r}")
    return classes[0]


def _as_initialised(entry: EntryPoint) -> EntryPoint:
    """Return the entry point with the `handle` of now: `initialize` may have replaced it, as for micro-batching."""
    instance = getattr(entry.initialize, "__self__", None)
    return entry if instance is None else entry._replace(handle=instance.handle)


def _device_of(entry: EntryPoint, gpu_id: int | None) -> str:
    device = getattr(getattr(entry.initialize, "__self__", None), "device", None)
    if device is not None:
        return str(device)
    return "cpu" if gpu_id is None else f"cuda:{gpu_id}"
