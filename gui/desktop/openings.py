"""What was given to be opened, by arguments, a second start or a double click: sorted into archives and reasons.

Nothing that is given runs, or is registered, by being given. `look` touches the disk, so it belongs in a thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.settings.openings import is_address
from gui.drops import ARCHIVES, MOST_SHOWN, Drop
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

# Archives whose dialogs may wait for their turn at any time.
MOST_OPEN = 20
# Reasons that are told one by one.
MOST_REASONS = 4


def look(given: Sequence[Path | str], room: int = MOST_OPEN) -> Drop:
    """Sort what was given: addresses, and files that are there and are called as archives are, `room` at most."""
    kept, rest = given[:room], given[room:]
    found = [(one, _reason(one)) for one in kept]
    refused = [reason for _, reason in found if reason]
    if more := len(refused[MOST_REASONS:]):
        refused[MOST_REASONS:] = [counted(more, "%n more cannot be opened.", "%n more cannot be opened.")]
    if rest:
        left_out = counted(
            len(rest), "%n more is too many at once: left out.", "%n more are too many at once: left out."
        )
        refused.append(left_out)
    return Drop(tuple(one for one, reason in found if not reason), refused=tuple(refused))


def _reason(one: Path | str) -> str:
    """Why this cannot be offered for registration, empty when it can."""
    if isinstance(one, str):
        known = is_address(one)
        return "" if known else tr("{name} cannot be opened: it is no address.").format(name=_shown(one))
    if not one.name.endswith(ARCHIVES):
        return tr("{name} is no archive. Open a .mar or .tar.gz file.").format(name=_shown(one.name))
    try:
        is_there = one.is_file()
    except OSError as error:
        return tr("{path} cannot be opened: {reason}.").format(path=_shown(one), reason=error.strerror)
    return "" if is_there else tr("There is no file {path}.").format(path=_shown(one))


def _shown(word: Path | str) -> str:
    """The beginning of a word, with what would not be seen, or would turn the rest around, made visible."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(word)[:MOST_SHOWN])
