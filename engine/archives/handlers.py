"""Whether an archive holds the handler that it names. Pure; nothing is imported."""

from __future__ import annotations

from collections.abc import Collection

# The modules of TorchServe's `ts.torch_handler` that a handler string may name.
BUILT_IN = frozenset(
    {
        "base_handler",
        "dali_image_classifier",
        "densenet_handler",
        "image_classifier",
        "image_segmenter",
        "object_detector",
        "text_classifier",
        "trt_llm_handler",
        "vllm_handler",
    }
)
_BUILT_IN_MODULES = frozenset(f"ts.torch_handler.{name}" for name in BUILT_IN)
_SUFFIXES = (".py", ".pyc", ".so", ".pyd")


def module_of(handler: str) -> str:
    """Return the module that a handler string names.

    TorchServe: what precedes the first colon, without `.py`, and of that what follows the last slash, so that
    `a/b/h.py:f`, `h.py`, `h:f` and `h` all name `h`.
    """
    return handler.partition(":")[0].removesuffix(".py").rpartition("/")[2]


def find_handler(handler: str, names: Collection[str]) -> bool:
    """Return whether the handler is built in, or a top-level module or package among the archive's file names."""
    module = module_of(handler)
    if handler in BUILT_IN or module in _BUILT_IN_MODULES:
        return True
    path = module.replace(".", "/")
    return bool(module) and any(_is_module(path, name) for name in names)


def _is_module(path: str, name: str) -> bool:
    """Whether the file `name` makes `path` importable: as a module, a compiled one, or inside a package."""
    return name.startswith(f"{path}/") or (name.startswith(f"{path}.") and name.endswith(_SUFFIXES))
