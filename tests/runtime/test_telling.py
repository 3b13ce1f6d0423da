"""Whatever the user's code made of an error, it can be told."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from engine.runtime.telling import LONGEST, as_text, exit_code, kind_of, say, sendable, shortened, traceback_text


class Mute(Exception):  # noqa: N818 - a handler's own
    def __str__(self) -> str:
        raise ValueError("no text")


class Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise ValueError("no name")
        return super().__getattribute__(name)


class Hidden(Exception, metaclass=Nameless):  # noqa: N818 - a handler's own
    pass


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("no"), "ValueError", "no"),
        (Mute(), "Mute", ""),
        (Hidden("h"), "an exception without a name", "h"),
        (ValueError("half \ud800"), "ValueError", "half \\ud800"),
    ],
)
def test_every_error_has_a_kind_a_text_and_a_traceback(error: Exception, kind: str, text: str) -> None:
    assert (kind_of(error), as_text(error)) == (kind, text)
    assert kind in traceback_text(error)
    traceback_text(error).encode()


def test_a_long_text_loses_its_middle() -> None:
    short = shortened("a" * 10_000_000 + "b")
    assert len(short) < LONGEST + 100
    assert short.endswith("ab")
    assert "[9934465 characters are left out]" in short


@pytest.mark.parametrize(("text", "sent"), [("a", "a"), ("\u65e5", "\u65e5"), ("\udcff", "\\udcff")])
def test_what_is_sent_has_no_lone_surrogate(text: str, sent: str) -> None:
    assert sendable(text) == sent


@pytest.mark.parametrize(
    ("error", "code"),
    [(SystemExit(), 0), (SystemExit(3), 3), (SystemExit(-1), 255), (SystemExit("words"), 1), (KeyboardInterrupt(), 1)],
)
def test_an_exit_has_the_code_that_python_would_leave_with(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_words_for_nobody_are_lost_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        say("anybody?")
