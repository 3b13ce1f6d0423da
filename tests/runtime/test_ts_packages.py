"""Packages that only some handlers need."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ts.utils.packages import LazyAttribute, require

MODULES = [
    f"ts.torch_handler.{name}"
    for name in (
        "vision_handler", "image_classifier", "image_segmenter", "object_detector", "text_handler", "text_classifier",
        "contractions", "densenet_handler", "dali_handler", "dali_image_classifier", "vllm_handler", "trt_llm_handler",
        "distributed.base_pippy_handler", "distributed.base_deepspeed_handler",
    )
] + [
    f"ts.handler_utils.{name}"
    for name in ("distributed.deepspeed", "distributed.pt_pippy", "preprocess.dali", "micro_batching", "text_utils")
]  # fmt: skip
OPTIONAL = ("PIL", "captum", "deepspeed", "nvidia", "pippy", "tensorrt_llm", "torchtext", "torchvision", "vllm")


class Painter:
    manifest: dict[str, dict[str, str]] | None = None


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_imported_without_what_its_handler_needs(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*OPTIONAL, "PIL.Image"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    assert importlib.import_module(module).__doc__


def test_a_missing_package_is_named_with_its_handler_and_the_two_ways_to_it() -> None:
    with pytest.raises(ImportError) as raised:
        require("canvas_and_oil.brushes", Painter())
    assert str(raised.value) == (
        f"Painter needs the package canvas_and_oil, which is not installed for {sys.executable}: install "
        "it there, or name it in a requirements.txt of the archive and set install_py_dep_per_model=true"
    )


def test_the_bundle_can_take_no_package_and_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ImportError, match=r"Painter needs the package canvas, which Marina's own .* worker_python$"):
        require("canvas", Painter())


def test_an_archive_with_requirements_is_told_how_they_get_installed() -> None:
    painter = Painter()
    painter.manifest = {"model": {"requirementsFile": "paints.txt"}}
    with pytest.raises(ImportError, match=r"the archive's paints\.txt names canvas_and_oil and set install_py"):
        require("canvas_and_oil", painter)


def test_the_package_has_the_name_that_pip_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(ImportError, match="Painter needs the package pillow"):
        require("PIL.Image", Painter)


def test_a_package_that_misses_another_says_so_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "easel.py").write_text("import a_wooden_frame\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'a_wooden_frame'$"):
        require("easel", Painter())


class Lazy:
    made = 0

    @LazyAttribute
    def value(self) -> SimpleNamespace:
        Lazy.made += 1
        return SimpleNamespace()


class Eager(Lazy):
    value = SimpleNamespace()


def test_a_lazy_attribute_is_made_once_per_instance_and_by_its_class_and_never_when_set() -> None:
    lazy = Lazy()
    assert Lazy.made == 0
    assert lazy.value is lazy.value
    assert Lazy.made == 1
    assert Lazy.value is not lazy.value
    assert (Eager().value, Lazy.made) == (Eager.value, 2)
    other = Lazy()
    other.value = "set"
    assert (other.value, Lazy.made) == ("set", 2)
