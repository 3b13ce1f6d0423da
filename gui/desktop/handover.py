"""What a second start says to the window that is there: one line of JSON, bounded, read as a stranger's. Pure.

It can ask for archives to be shown in register dialogs and for the window to come forward, and for nothing else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.settings.openings import is_address

# Archives that one message names at most; what else was given is left out.
MOST_NAMED = 500
# Bytes of a message, and characters of one path or address.
MOST_BYTES = 256 * 1024
LONGEST = 8192
END = b"\n"
# The variable in which Wayland's desktops give a program their leave, and where Qt looks for it (xdg-activation).
ACTIVATION = "XDG_ACTIVATION_TOKEN"
TAKEN = b"taken\n"
_TOKEN = re.compile(r"[!-~]{1,256}")


@dataclass(frozen=True, slots=True)
class Handover:
    """Files (absolute paths) and addresses to open, and leave to come forward; any other word is for nobody to open.

    `activation` is what Wayland calls an activation token: the desktop gave it to the second start.
    """

    open: tuple[Path | str, ...] = ()
    activation: str = ""


def encode(handover: Handover) -> bytes:
    """Return the message as it goes over the socket, its end included, with no more in it than may be."""
    named = [text for text in map(str, handover.open) if len(text) <= LONGEST][:MOST_NAMED]
    activation = handover.activation if _TOKEN.fullmatch(handover.activation) else ""
    while True:
        line = json.dumps({"open": named, "activation": activation}).encode("ascii")
        if len(line) <= MOST_BYTES:
            return line + END
        named = named[: len(named) // 2]


def decode(line: bytes) -> Handover:
    """Read a message without its end; raises ValueError for anything that `encode` would not have written."""
    if len(line) > MOST_BYTES:
        raise ValueError("it is too long")
    try:
        said: Any = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(said, dict) or said.keys() != {"open", "activation"}:
        raise ValueError("it is no message of Marina's")
    named, activation = said["open"], said["activation"]
    if not isinstance(named, list) or len(named) > MOST_NAMED:
        raise ValueError(f"it names no list of {MOST_NAMED} archives at most")
    if not isinstance(activation, str) or (activation and not _TOKEN.fullmatch(activation)):
        raise ValueError("its activation token is none")
    return Handover(tuple(_opening(one) for one in named), activation)


def _opening(text: object) -> Path | str:
    if not isinstance(text, str) or len(text) > LONGEST or "\0" in text:
        raise ValueError("it names something that is neither a file nor an address")
    path = Path(text)
    return text if is_address(text) or not path.is_absolute() else path
