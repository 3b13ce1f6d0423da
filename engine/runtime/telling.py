"""What a worker tells of errors, whatever the user's code made of them: each function returns, and none raises. Pure,
but for `say`.

An exception may have a `__str__` that raises, a class without a name, a text of a gigabyte, half of a surrogate pair;
standard error may be closed, replaced or gone; and memory may have run out.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

# Characters of a text that are told; of a longer one, as many from its beginning and from its end.
LONGEST = 64 * 1024
_OUR_MODULES = (__package__ or "marina_runtime", "importlib")


def say(text: str) -> None:
    """Write `text` to standard error, if there is one."""
    with contextlib.suppress(Exception):
        sys.stderr.write(text)


def as_text(value: Any) -> str:
    """Return `str(value)`, shortened and fit for a frame; "" when it cannot be had."""
    try:
        return sendable(shortened(str(value)))
    except Exception:  # noqa: BLE001 - user code may raise anything
        return ""


def kind_of(error: BaseException) -> str:
    """Return the name of the error's class."""
    try:
        return sendable(str(type(error).__name__))
    except Exception:  # noqa: BLE001 - a metaclass may refuse
        return "an exception without a name"


def traceback_text(error: BaseException) -> str:
    """Return the traceback of `error` as text, beginning in the user's code: our own frames at its top are left out."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    try:
        return sendable(shortened("".join(traceback.format_exception(type(error), error, trace))))
    except Exception:  # noqa: BLE001 - an exception may be unprintable, and memory short
        return _bare_traceback(trace, error)


def sendable(text: str) -> str:
    """Return `text` with escapes in the place of lone surrogates, which neither a frame nor HTTP can hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def shortened(text: str) -> str:
    """Return `text` without its middle when it is too long to be told."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n[{len(text) - LONGEST} characters are left out]\n{text[-half:]}"


def exit_code(error: BaseException) -> int:
    """Return what Python exits with when `error` ends the program."""
    code = getattr(error, "code", 1) if isinstance(error, SystemExit) else 1
    return 0 if code is None else code & 0xFF if isinstance(code, int) else 1


def _bare_traceback(trace: TracebackType | None, error: BaseException) -> str:
    try:
        where = "".join(traceback.format_tb(trace))
    except Exception:  # noqa: BLE001 - as above
        where = ""
    return f"Traceback (most recent call last):\n{where}{kind_of(error)} (its text cannot be printed)\n"


def _is_ours(trace: TracebackType) -> bool:
    module = str(trace.tb_frame.f_globals.get("__name__", ""))
    return any(module == ours or module.startswith(f"{ours}.") for ours in _OUR_MODULES)
