"""Whether an archive holds its handler."""

from __future__ import annotations

import pytest

from engine.archives.handlers import find_handler, module_of

FILES = ("MAR-INF/MANIFEST.json", "h.py", "package/__init__.py", "package/inner.py", "fast.cpython-311.so", "json.txt")


@pytest.mark.parametrize(
    "handler",
    [
        "h",
        "h.py",
        "h:f",
        "h.py:f",
        "a/b/h.py:f",
        "/some/dir/h.py",
        "package",
        "package.inner:f",
        "fast",
        "image_classifier",
        "base_handler",
        "ts.torch_handler.vllm_handler",
        "ts.torch_handler.base_handler:BaseHandler",
    ],
)
def test_a_handler_in_the_archive_or_built_in_is_found(handler: str) -> None:
    assert find_handler(handler, FILES)


@pytest.mark.parametrize(
    "handler", ["", ":f", "os:system", "other.py:f", "json", "package.other", "vision", "MAR-INF/MANIFEST.json", "ts.h"]
)
def test_any_other_handler_is_not(handler: str) -> None:
    assert not find_handler(handler, FILES)


def test_the_module_is_what_torchserve_imports() -> None:
    assert module_of("a/b/h.py:f:g") == "h"
