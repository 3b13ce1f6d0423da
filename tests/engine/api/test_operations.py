"""The reading of parameters, from a query or from JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.api.operations import Kind, Parameter, read_parameters
from engine.errors import BadRequestError

NUMBER = Parameter("count", Kind.NUMBER, "", default=5)
SWITCH = Parameter("wait", Kind.SWITCH, "", default=False)
TEXT = Parameter("url", Kind.TEXT, "", required=True)


def read(parameter: Parameter, value: Any) -> Any:
    return read_parameters((parameter,), {parameter.name: value})[parameter.name]


@given(st.integers(-(10**19), 10**19))
def test_a_whole_number_is_read_from_a_number_and_from_its_text(value: int) -> None:
    assert read(NUMBER, value) == value
    assert read(NUMBER, str(value)) == value


@given(st.text())
def test_any_other_text_is_refused_by_name(text: str) -> None:
    assume(text != "" and not (text.isascii() and text.lstrip("+-").isdigit()))
    with pytest.raises(BadRequestError, match=r"^count must be a whole number, not "):
        read(NUMBER, text)


@pytest.mark.parametrize(
    "value", ["abc", "1.5", "1e3", " 1", "1_000", "٣", "0x10", "9" * 5000, 1.5, True, [1], {"a": 1}]
)
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(BadRequestError, match=r"^count must be a whole number") as caught:
        read(NUMBER, value)
    assert len(str(caught.value)) < 200


def test_an_empty_parameter_counts_as_absent() -> None:
    assert read(NUMBER, "") == 5
    assert read(SWITCH, "") is False
    assert read(Parameter("model_name", Kind.TEXT, ""), "") is None
    with pytest.raises(BadRequestError, match=r"^Parameter url is required\.$"):
        read(TEXT, "")
    assert read(Parameter("sha256", Kind.TEXT, "", keeps_empty=True), "") == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("TRUE", True),
        (True, True),
        ("false", False),
        ("1", False),
        ("yes", False),
        ("", False),
        (1, False),
    ],
)
def test_only_true_is_true(value: object, expected: object) -> None:
    assert read(SWITCH, value) is expected


def test_a_text_may_be_a_number_but_no_structure() -> None:
    assert read(TEXT, "a b") == "a b"
    assert read(TEXT, 12) == "12"
    structures: tuple[Any, ...] = ([], {}, True)
    for value in structures:
        with pytest.raises(BadRequestError, match=r"^url must be a text\.$"):
            read(TEXT, value)


def test_what_is_not_given_is_the_default_unless_it_is_required() -> None:
    assert read_parameters((NUMBER, SWITCH), {"strange": "1"}) == {"count": 5, "wait": False}
    assert read(NUMBER, None) == 5
    with pytest.raises(BadRequestError, match=r"^Parameter url is required\.$"):
        read_parameters((TEXT,), {})
