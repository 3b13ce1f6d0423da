"""JSON by the rules of Gson, which reads TorchServe's configuration files."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import gson
from engine.settings.snapshots import model_snapshot
from engine.settings.values import ModelDefaults, model_defaults

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_json_means_what_it_means_in_json(value: Any, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001
    assert gson.loads(json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == value


@given(text=st.text(alphabet="{}[]:,;=>'\"\\/*#u0 1aTrue.-e\n", max_size=30))
def test_every_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        gson.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'b\\'c'}", {"a": "b'c"}),
        ("{a = 1; b => 2}", {"a": 1, "b": 2}),
        ('{/* one */ "a": 1, // two\n "b": 2 # three\n}', {"a": 1, "b": 2}),
        ("[True, FALSE, nUll, none]", [True, False, None, "none"]),
        ("[1,,2,]", [1, None, 2, None]),
        ("[]", []),
        ('"a\\u0041\\/"', "aA/"),
    ],
)  # fmt: skip
def test_gsons_liberties(text: str, value: Any) -> None:
    assert gson.loads(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a value is missing, line 1 column 1"),
        ("{'a': 1,}", "a value is missing"),
        ("{'a' 1}", "a colon is missing after 'a'"),
        ("{'a': 1\n'b': 2}", "a comma or } is missing, line 2 column 1"),
        ("[1 2]", "a comma or ] is missing"),
        ("'a", "a text has no end"),
        ("'\\x'", "\\x is no escape"),
        ("{} {}", "it goes on after its end"),
        ("[" * 200, "it is nested too deeply"),
    ],
)
def test_what_gson_refuses_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="line") as raised:
        gson.loads(text)
    assert reason in str(raised.value)


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("2.0", 2), ("2.9", 2), ("'2'", 2), ("-1e1", -10)])
def test_numbers_are_whole_in_the_end(text: str, number: int) -> None:
    assert gson.whole_number(gson.loads(text)) == number


@pytest.mark.parametrize("text", ["'2.0'", "two", "true", "null", "[2]", "1e400", "2147483648", "'1_0'", "''"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        gson.whole_number(gson.loads(text))


def test_settings_are_read_by_these_rules() -> None:
    text = "{'m': {1.0: {'minWorkers': '2', maxWorkers: 4.0, /* few */ 'batchSize': 0}}}"
    assert model_defaults(text) == (ModelDefaults("m", "1.0", 2, 4),)
    text = "{'models': {m: {1.0: {'defaultVersion': True, 'marName': 'm.mar', 'minWorkers': '1', 'maxWorkers': 2.0}}}}"
    [model] = model_snapshot(text)
    assert (model.version, model.is_default, model.min_workers, model.max_workers) == ("1.0", True, 1, 2)
