"""Doing one thing to several versions, going on when one of them fails. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from engine.errors import MarinaError
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from engine.snapshots import Key


class Keyed(Protocol):
    """A version, or what stands for one."""

    @property
    def key(self) -> Key:
        """Whose name and version tell it apart."""
        ...


One = TypeVar("One", bound=Keyed)
# How many versions are named in a list.
NAMED = 8


class SeveralError(MarinaError):
    """Which of several failed, and why: one line each."""


async def for_each(versions: Iterable[One], act: Callable[[One], Awaitable[object]]) -> None:
    """Do `act` to each in order; raises what it raised for the only one, else SeveralError after the last."""
    versions = list(versions)
    failures: list[str] = []
    for version in versions:
        try:
            await act(version)
        except MarinaError as error:
            if len(versions) == 1:
                raise
            failures.append(f"{title(version)}: {error}")
    if failures:
        raise SeveralError("\n".join(failures))


def title(version: Keyed) -> str:
    """Name and version."""
    return f"{version.key.name} {version.key.version}"


def named(versions: Sequence[Keyed]) -> str:
    """Return the only one's title, else how many there are: "3 versions"."""
    return title(versions[0]) if len(versions) == 1 else counted(len(versions), "%n version", "%n versions")


def listed(versions: Sequence[Keyed]) -> str:
    """Every title, the first `NAMED` of many."""
    text = ", ".join(title(version) for version in versions[:NAMED])
    left = len(versions) - NAMED
    return tr("{some} and {count} more").format(some=text, count=left) if left > 0 else text
