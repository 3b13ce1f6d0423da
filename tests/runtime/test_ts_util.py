"""Helpers that handlers import from `ts.utils.util`."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ts.utils import util


def test_classes_of_a_module_are_its_own_by_name() -> None:
    module = ModuleType("made_up")
    exec("from pathlib import Path\nclass B: pass\nclass A(B): pass\n", module.__dict__)
    assert [found.__name__ for found in util.list_classes_from_module(module)] == ["A", "B"]
    assert util.list_classes_from_module(module, module.B) == [module.A, module.B]
    assert util.list_classes_from_module(module, Path) == []


@pytest.mark.parametrize(
    ("content", "mapping"),
    [
        ({"0": "cat", "1": ["n02", "dog"]}, {"0": "cat", "1": "dog"}),
        ({"object_type_names": ["cat", "dog"]}, {"0": "cat", "1": "dog"}),
    ],
)
def test_labels_are_read_in_each_form(tmp_path: Path, content: Any, mapping: dict[str, str]) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(content))
    assert util.load_label_mapping(str(tmp_path / "labels.json")) == mapping


@pytest.mark.parametrize("content", [["cat"], {"0": 1}, {"0": [1]}])
def test_labels_in_another_form_are_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"labels\.json"):
        util.load_label_mapping(str(tmp_path / "labels.json"))


def test_missing_labels_are_none_and_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert util.load_label_mapping(str(tmp_path / "labels.json")) is None
    assert "labels.json is missing" in caplog.text


def test_probabilities_are_labelled() -> None:
    assert util.map_class_to_label([[0.9, 0.1]]) == [{"0": 0.9, "1": 0.1}]
    assert util.map_class_to_label([[0.9]], {"7": "cat"}, [[7]]) == [{"cat": 0.9}]
    assert util.map_class_to_label([[0.9]], lbl_classes=[["dog"]]) == [{"dog": 0.9}]
    assert util.map_class_to_label([]) == []
    with pytest.raises(TypeError, match="list"):
        util.map_class_to_label((0.1,))  # type: ignore[arg-type]  # handlers err
    with pytest.raises(TypeError, match="dict"):
        util.map_class_to_label([[0.1]], ["cat"])  # type: ignore[arg-type]  # handlers err


def test_a_prediction_exception_shows_message_and_code() -> None:
    error = util.PredictionException("bad input", 400)
    assert (error.message, error.error_code, str(error)) == ("bad input", 400, "bad input : 400")


def test_yaml_is_read_safely(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: {1: two}\n")
    assert util.get_yaml_config(str(tmp_path / "c.yaml")) == {"a": {1: "two"}}


def test_only_known_compile_backends_are_valid(caplog: pytest.LogCaptureFixture) -> None:
    assert util.check_valid_pt2_backend("inductor")
    assert not util.check_valid_pt2_backend("steam")
    assert "steam is not a known backend" in caplog.text


def test_tags_and_entities_are_cleaned_up() -> None:
    assert util.CLEANUP_REGEX.sub("", "<b>a</b>&amp;b&#39;") == "ab"


def test_a_deprecated_function_warns_and_works() -> None:
    @util.deprecated("0.1", "other")
    def double(number: int) -> int:
        return 2 * number

    with pytest.warns(PendingDeprecationWarning, match=r"double is deprecated since 0\.1, use other instead"):
        assert double(2) == 4
