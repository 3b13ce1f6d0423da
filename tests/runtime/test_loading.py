"""From handler strings to entry points."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from engine.runtime.loading import find_entry_point, load_model, read_manifest, read_model_config, wrap_in_envelope
from ts.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT = Context("net", "", None, 1, None, "0.1")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the module path; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}.py").write_text(source)


FUNCTIONS = "def handle(data, context): return ['handle', data]\ndef other(data, context): return ['other', data]\n"


@pytest.mark.parametrize(
    ("handler", "called"),
    [
        ("mine", "handle"),
        ("mine.py", "handle"),
        ("mine:other", "other"),
        ("mine.py:other", "other"),
        ("a/b/mine.py:other", "other"),
        ("/some/dir/mine.py", "handle"),
    ],
)
def test_a_handler_string_names_a_function(archive: Path, handler: str, called: str) -> None:
    write(archive, "mine", FUNCTIONS)
    assert find_entry_point(handler).handle([{}], CONTEXT) == [called, [{}]]


def test_a_function_is_initialised_by_a_call_without_data(archive: Path) -> None:
    write(archive, "mine", FUNCTIONS)
    assert find_entry_point("mine").initialize(CONTEXT) == ["handle", None]


CLASS = """
from collections import OrderedDict
class {name}:
    device = "tin:1"
    def initialize(self, context): self.context = context
    def handle(self, data, context): return [self.context is context]
"""


@pytest.mark.parametrize("handler", ["mine", "mine.py:missing_function"])
def test_the_one_class_of_a_module_is_instantiated_and_imported_ones_ignored(archive: Path, handler: str) -> None:
    write(archive, "mine", CLASS.format(name="Mine"))
    entry = find_entry_point(handler)
    entry.initialize(CONTEXT)
    assert entry.handle([{}], CONTEXT) == [True]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "needs a function 'handle' or exactly one class; classes: none"),
        (CLASS.format(name="A") + CLASS.format(name="B"), "classes: A, B"),
        ("class A:\n    def initialize(self, context): ...\n", "A of handler mine has no method 'handle'"),
        ("class A:\n    def handle(self, data, context): ...\n", "A of handler mine has no method 'initialize'"),
    ],
)
def test_a_module_without_a_single_entry_point_is_refused(archive: Path, source: str, problem: str) -> None:
    write(archive, "mine", source)
    with pytest.raises(ValueError, match=problem):
        find_entry_point("mine")


def test_a_module_that_is_nowhere_is_named(archive: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere' in the archive, nor a built-in"):
        find_entry_point(f"{archive}/nowhere.py")


@pytest.mark.parametrize("source", ["import absent_library", "from os import absent_name", "1 / 0"])
def test_an_error_inside_the_users_module_is_reported_as_itself(archive: Path, source: str) -> None:
    write(archive, "mine", source)
    with pytest.raises((ImportError, ZeroDivisionError), match=r"absent|division"):
        find_entry_point("mine.py")


def test_a_handler_without_a_module_is_refused() -> None:
    with pytest.raises(ValueError, match="':run' names no module"):
        find_entry_point(":run")


def test_a_built_in_handler_is_found_by_its_name() -> None:
    module = importlib.import_module("ts.torch_handler.base_handler")
    entry = find_entry_point("base_handler")
    assert type(entry.handle.__self__) is module.BaseHandler  # type: ignore[attr-defined]  # a bound method


def test_an_envelope_wraps_the_entry_and_leaves_initialisation_alone(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(archive, "mine", FUNCTIONS)
    source = "class Outer:\n  def __init__(self, fn): self.fn = fn\n  def handle(self, d, c): return [self.fn(d, c)]\n"
    module = ModuleType("ts.torch_handler.request_envelope.outer")
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, "ts.torch_handler.request_envelope", ModuleType("request_envelope"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert wrap_in_envelope(find_entry_point("mine"), "outer")([{}], CONTEXT) == [["handle", [{}]]]


def load_meta(folder: Path, **changes: Any) -> dict[str, Any]:
    meta = {
        "model_name": "net",
        "model_dir": str(folder),
        "handler": "mine",
        "batch_size": 2,
        "gpu_id": None,
        "envelope": None,
        "limit_max_image_pixels": False,
        "model_config": {"1": "engine"},
        "config_file": "",
        "server_version": "0.1",
    }
    return {**meta, **changes}


@pytest.mark.parametrize(
    ("source", "gpu_id", "device"),
    [(CLASS.format(name="A"), 0, "tin:1"), (FUNCTIONS, 2, "cuda:2"), (FUNCTIONS, None, "cpu")],
)
def test_a_model_tells_its_device(archive: Path, source: str, gpu_id: int | None, device: str) -> None:
    write(archive, "mine", source)
    assert load_model(load_meta(archive, gpu_id=gpu_id)).device == device


def test_a_missing_manifest_is_none_and_a_broken_one_an_error(tmp_path: Path) -> None:
    assert read_manifest(str(tmp_path)) is None
    (tmp_path / "MAR-INF").mkdir()
    (tmp_path / "MAR-INF" / "MANIFEST.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        read_manifest(str(tmp_path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_of_an_archive_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "MAR-INF").mkdir()
    (tmp_path / "MAR-INF" / "MANIFEST.json").write_text('{"runtime": "python"}', encoding=encoding)
    (tmp_path / "c.yaml").write_text("threads: 2\n", encoding=encoding)
    assert read_manifest(str(tmp_path)) == {"runtime": "python"}
    assert read_model_config(load_meta(tmp_path, config_file="c.yaml")) == {"threads": 2}


def test_a_config_file_keeps_keys_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("1: [a]\n")
    assert read_model_config(load_meta(tmp_path, config_file="c.yaml")) == {1: ["a"]}


@pytest.mark.parametrize("content", ["a: [1\n  : nonsense", None])
def test_an_unreadable_config_file_gives_way_to_what_the_engine_parsed(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "c.yaml").write_text(content)
    assert read_model_config(load_meta(tmp_path, config_file="c.yaml")) == {"1": "engine"}


def test_without_pyyaml_the_config_is_what_the_engine_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("1: [a]\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert read_model_config(load_meta(tmp_path, config_file="c.yaml")) == {"1": "engine"}
