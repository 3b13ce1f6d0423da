"""What a handler chose for the head of its answer either fits HTTP or is refused."""

from __future__ import annotations

import pytest

from engine.api.reply_head import head_problem
from engine.serving.jobs import Reply


def problem(status: int = 200, phrase: str = "", headers: dict[str, str] | None = None) -> str:
    return head_problem(Reply(status, phrase, headers or {}, b"", None))


@pytest.mark.parametrize("status", [-1, 0, 99, 200, 204, 418, 599, 999])
def test_a_status_that_is_final_or_none_is_fine(status: int) -> None:
    assert problem(status) == ""


@pytest.mark.parametrize("status", [100, 101, 199, 1000, 2**31])
def test_any_other_status_is_refused(status: int) -> None:
    assert problem(status) == f"no answer has the status {status}"


@pytest.mark.parametrize("text", ["", "plain", "a\tb", "\u65e5\u672c", "caf\u00e9"])
def test_text_without_control_characters_is_fine(text: str) -> None:
    assert problem(phrase=text, headers={"value": text}) == ""


@pytest.mark.parametrize("text", ["a\r\nb", "a\n", "\r", "a\x00", "\x7f"])
def test_control_characters_are_refused(text: str) -> None:
    assert problem(phrase=text) == "its reason phrase holds a control character"
    assert problem(headers={"value": text}) == "its header value holds a control character"


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "transfer-encoding ", "\u00fc"])
def test_a_name_must_be_one(name: str) -> None:
    assert problem(headers={name: "x"}) == f"{name!a} is no name of a header"
