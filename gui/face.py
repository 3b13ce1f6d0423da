"""The face of the engine that the window is written against; the real engine and the tests' fake both have it.

Everything here is called on the GUI thread, which is the loop's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from engine.making import ArchivePlan
    from engine.registration import Registration
    from engine.settings import Settings
    from engine.snapshots import Act, ArchiveSummary, Changes, LogLine, LogLines, Machine, Progress
    from engine.tokens import TokenInfo, TokenKind


class EngineFace(Protocol):
    """Operations and changes. Every operation raises `MarinaError` with a text fit to show."""

    def changes(self, since: int) -> Changes:
        """What changed after that revision; 0 gives everything."""
        ...

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` on the loop whenever something changed; returns how to stop that."""
        ...

    async def register(self, registration: Registration, progress: Callable[[Progress], None] | None = None) -> str:
        """Register a version; returns TorchServe's status text."""
        ...

    async def scale(
        self,
        name: str,
        version: str | None,
        *,
        min_workers: int,
        max_workers: int | None = None,
        synchronous: bool = False,
        timeout: int = -1,
    ) -> str:
        """Set how many workers a version has."""
        ...

    def retry(self, name: str, version: str, worker_id: str) -> None:
        """Start a failed worker again now."""
        ...

    def kill(self, name: str, version: str, worker_id: str) -> None:
        """End a worker's process at once; what it works on fails, and it starts again as after any death."""
        ...

    def log(self, name: str, version: str, since: int = 0) -> LogLines:
        """What the version's workers printed and how they ended, from line `since` on; cheap to poll."""
        ...

    def unfinished_lines(self, name: str, version: str) -> tuple[LogLine, ...]:
        """What there is of lines that the version's workers have not ended, as progress bars; cheap to poll."""
        ...

    def acts(self) -> tuple[Act, ...]:
        """The long acts that go on now, oldest first, whoever began them; cheap to poll."""
        ...

    def cancel(self, act_id: int) -> None:
        """End a long act; nothing of it remains. Harmless when it is over."""
        ...

    def machine(self) -> Machine:
        """Processors, memory and GPUs as last looked at; cheap to poll."""
        ...

    def notices(self) -> tuple[str, ...]:
        """What the person who started Marina should know about this start, in sentences."""
        ...

    def registration_of(self, name: str, version: str) -> Registration:
        """What registers this version again as it is now, from its archive in the model store."""
        ...

    async def set_default(self, name: str, version: str) -> str:
        """Make a version the one that answers requests without a version."""
        ...

    async def unregister(self, name: str, version: str | None, *, timeout: int = -1) -> str:
        """Remove a version and stop its workers; the archive stays in the model store."""
        ...

    async def add_to_store(self, path: Path, progress: Callable[[Progress], None]) -> str:
        """Copy an archive into the model store; returns its file name there."""
        ...

    async def stored_archives(self) -> list[str]:
        """What the model store has to register, by name, sorted."""
        ...

    async def discard_from_store(self, file_name: str) -> None:
        """Delete an archive that nobody uses out of the model store; one in use is refused."""
        ...

    async def plan_archive(self, paths: Sequence[Path]) -> ArchivePlan:
        """What an archive of these files and folders would be, as their names tell."""
        ...

    async def place_for(self, file_name: str) -> Path:
        """Where an archive of this name would go in the model store, with a number when the name is taken."""
        ...

    async def make_archive(self, plan: ArchivePlan, progress: Callable[[Progress], None]) -> Path:
        """Write an archive into the model store; returns where it lies."""
        ...

    async def try_source(self, registration: Registration) -> str:
        """What is where the registration's URL points to, in words, without fetching it."""
        ...

    def offers(self) -> tuple[str, ...]:
        """The archives that others put into the model store, when it is watched; cheap to poll."""
        ...

    def decline(self, file_name: str) -> None:
        """Offer this archive no more."""
        ...

    async def inspect(self, file_name: str) -> ArchiveSummary:
        """Read an archive in the store without running anything in it."""
        ...


class HostFace(Protocol):
    """An engine with its listeners."""

    @property
    def engine(self) -> EngineFace:
        """The engine inside."""
        ...

    @property
    def addresses(self) -> Mapping[str, str]:
        """Listener names to addresses, while running: {"management": "http://127.0.0.1:8081"}."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings that it was made with; each knows its source."""
        ...

    def authorization(self, listener: str) -> Mapping[str, str]:
        """The headers that a request to this listener ("inference", "management") needs; empty without tokens."""
        ...

    @property
    def key_file(self) -> Path | None:
        """The file with the tokens, None where callers need none."""
        ...

    def tokens(self) -> tuple[TokenInfo, ...]:
        """The tokens in force, and the key that renews them; empty where callers need none."""
        ...

    async def renew(self, kind: TokenKind) -> None:
        """Replace a token; the old one is worth nothing from now on."""
        ...

    async def start(self) -> None:
        """Start the engine and its listeners; raises `AddressInUseError` and other `MarinaError`s."""
        ...

    async def stop(self) -> None:
        """Stop in order, in limited time; harmless when stopped already."""
        ...
