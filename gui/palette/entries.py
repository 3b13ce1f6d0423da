"""What the palette offers: the actions of the menu bar, then models and versions to go to. The GUI thread.

There may be thousands of versions, so each is a name to match first, and becomes a line when it is shown.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtWidgets import QMenu

from gui import words
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from PySide6.QtGui import QAction

    from gui.tables.records import ModelRecord, VersionRecord

    Choose = Callable[[str, str | None], object]

BETWEEN = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


class Entry(NamedTuple):
    """One line: what it is called, where it belongs, shortcut or state, whether it can be used, what it does.

    `minor` lines come after the others that match as well.
    """

    text: str
    where: str
    shortcut: str
    enabled: bool
    run: Callable[[], object]
    minor: bool = False


class Offer(NamedTuple):
    """The text to match, casefolded, the line that it stands for, and how little it matters: the least comes first."""

    text: str
    entry: Callable[[], Entry]
    standing: tuple[bool, bool] = (False, False)


def of_actions(actions: Iterable[QAction], minor: QMenu) -> Iterator[Offer]:
    """The actions in these menus and their sub-menus, best first; what is in `minor` matters less than the rest."""
    offers = (
        Offer(entry.text.casefold(), partial(_itself, entry), (not entry.enabled, entry.minor))
        for entry in _walk(actions, "", minor, within=False)
    )
    yield from sorted(offers, key=lambda offer: offer.standing)


def _itself(entry: Entry) -> Entry:
    return entry


def _walk(actions: Iterable[QAction], where: str, minor: QMenu, *, within: bool) -> Iterator[Entry]:
    for action in actions:
        text, _, shown = plain(action.text()).partition("\t")
        if isinstance(menu := action.menu(), QMenu):
            place = f"{where}{BETWEEN}{text}" if where else text
            yield from _walk(menu.actions(), place, minor, within=within or menu is minor)
        elif text and action.isVisible():
            keys = action.shortcut().toString() or shown
            yield Entry(text, where, keys, action.isEnabled(), action.trigger, minor=within)


def of_models(models: Iterable[ModelRecord], choose: Choose) -> Iterator[Offer]:
    """Each model, and each version of those that have several."""
    for model in models:
        yield Offer(model.name.casefold(), partial(_model, model, choose))
        if len(model.versions) > 1:
            for record in model.versions:
                yield Offer(" ".join(record.snapshot.key).casefold(), partial(_version, record, choose))


def _model(model: ModelRecord, choose: Choose) -> Entry:
    state = words.state_name(model.state)
    return Entry(model.name, tr("Model"), state, enabled=True, run=partial(choose, model.name, None))


def _version(record: VersionRecord, choose: Choose) -> Entry:
    state = words.state_name(record.snapshot.state)
    key = record.snapshot.key
    return Entry(" ".join(key), tr("Version"), state, enabled=True, run=partial(choose, *key))


def plain(text: str) -> str:
    """An action's text without the mark of its mnemonic; a shortcut may stand in it behind a tab."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")
