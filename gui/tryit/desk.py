"""The requests of one window: drafts and running requests by version, and the history. The GUI thread is the loop.

Nothing is sent without `send`; `aclose` ends what runs and deletes the files of large answers.
"""

from __future__ import annotations

import mimetypes
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.errors import MarinaError
from engine.tasks import TaskGroup
from engine.threads import Threads
from engine.tokens import TokenKind
from gui.tryit.answer import Exchange, Failure
from gui.tryit.history import History
from gui.tryit.reading import read_content
from gui.tryit.request import Draft, parse_headers
from gui.tryit.sending import send
from gui.words import tr

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from engine.snapshots import Key
    from gui.face import HostFace
    from gui.tryit.answer import Answer
    from gui.tryit.reading import Content


@dataclass(slots=True)
class Running:
    """A request on its way. `began` is seconds of the monotonic clock."""

    draft: Draft
    began: float
    task: asyncio.Task[None] | None = None


class Desk(QObject):
    """Sends drafts, one at a time for each version.

    Signals: `began` and `ended` with the version's key; `received` with the key and a piece of a streamed answer;
    `opened` with an exchange and its content, once that was read.
    """

    began = Signal(object)
    ended = Signal(object)
    received = Signal(object, bytes)
    opened = Signal(object, object)

    def __init__(self, host: HostFace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self._threads = Threads("try-it", 2)
        self._tasks = TaskGroup()
        self._drafts: dict[Key, Draft] = {}
        self._played: list[Path] = []
        self._running: dict[Key, Running] = {}
        self.history = History(self._delete)

    def draft(self, key: Key) -> Draft:
        """What was composed for a version."""
        return self._drafts.get(key, Draft())

    def keep(self, key: Key, draft: Draft) -> None:
        """Remember what is composed for a version."""
        self._drafts[key] = draft

    def running(self, key: Key) -> Running | None:
        """The version's request on its way."""
        return self._running.get(key)

    @property
    def needs_token(self) -> bool:
        """Whether the inference API asks for one."""
        return bool(self._host.authorization("inference"))

    def token_expired(self, draft: Draft) -> bool:
        """Whether the window's own token, which would go with this draft, opens nothing any more."""
        own = any(name.lower() == "authorization" for name, _ in parse_headers(draft.headers))
        return not own and any(token.is_expired for token in self._host.tokens() if token.kind is TokenKind.INFERENCE)

    def renew(self, done: Callable[[str], None]) -> None:
        """Have the inference token renewed; `done` is told why that failed, or nothing."""
        self._tasks.start(self._renew(done), "renew the inference token")

    async def _renew(self, done: Callable[[str], None]) -> None:
        problem = ""
        try:
            await self._host.renew(TokenKind.INFERENCE)
        except (MarinaError, OSError) as error:
            problem = tr("The token cannot be renewed: {cause}").format(cause=error)
        done(problem)

    def send(self, key: Key, draft: Draft, base: str) -> None:
        """Begin to send, unless a request to this version is on its way; `base` is the inference address."""
        if key not in self._running:
            running = self._running[key] = Running(draft, time.monotonic())
            running.task = self._tasks.start(self._send(key, draft, base), f"try {key.name} {key.version}")
            self.began.emit(key)

    def cancel(self, key: Key) -> None:
        """End the version's request, if one is on its way."""
        running = self._running.get(key)
        if running is not None and running.task is not None:
            running.task.cancel()

    def cancel_all(self) -> None:
        """End every request on its way."""
        for key in list(self._running):
            self.cancel(key)

    async def _send(self, key: Key, draft: Draft, base: str) -> None:
        at, began = time.time(), time.perf_counter()
        cancelled = Failure(tr("You ended the request before it was answered."), 0.0, cancelled=True)
        exchange = Exchange(key, draft, at, cancelled)
        try:
            outcome = await send(
                draft.request(base, key),
                self._host.authorization("inference"),
                self._threads,
                lambda piece: self.received.emit(key, piece),
                settings=self._host.settings,
            )
            exchange = Exchange(key, draft, at, outcome)
        finally:
            if exchange.outcome is cancelled:
                cancelled = Failure(cancelled.text, time.perf_counter() - began, cancelled=True)
                exchange = Exchange(key, draft, at, cancelled)
            del self._running[key]
            self.history.add(exchange)
            self.ended.emit(key)

    def open(self, exchange: Exchange) -> None:
        """Read an answer's body in a thread; `opened` brings it."""
        if not isinstance(exchange.outcome, Failure):
            self._tasks.start(self._open(exchange, exchange.outcome), "read an answer")

    async def _open(self, exchange: Exchange, answer: Answer) -> None:
        content: Content = await self._threads.run(read_content, answer)
        self.opened.emit(exchange, content)

    def save(self, answer: Answer, path: Path, failed: Callable[[str], None]) -> None:
        """Write the whole body to a file; `failed` is told why that did not work."""
        self._tasks.start(self._save(answer, path, failed), "save an answer")

    async def _save(self, answer: Answer, path: Path, failed: Callable[[str], None]) -> None:
        try:
            await self._threads.run(write_body, answer, path)
        except OSError as error:
            failed(tr("{path} cannot be written: {cause}").format(path=path, cause=error.strerror or error))

    def play(self, answer: Answer, opened: Callable[[Path], None]) -> None:
        """Write the body to a temporary file, if it is in none, and hand that over; it goes when the desk closes."""
        self._tasks.start(self._play(answer, opened), "play an answer")

    async def _play(self, answer: Answer, opened: Callable[[Path], None]) -> None:
        suffix = mimetypes.guess_extension(answer.header("content-type").partition(";")[0]) or ".wav"
        opened(await self._threads.run(self._write_played, answer, suffix))

    def _write_played(self, answer: Answer, suffix: str) -> Path:
        handle, name = tempfile.mkstemp(prefix="marina-answer-", suffix=suffix)
        os.close(handle)
        path = Path(name)
        self._played.append(path)
        write_body(answer, path)
        return path

    def _delete(self, path: Path) -> None:
        self._tasks.start(self._threads.run(path.unlink, missing_ok=True), "delete an answer")

    async def aclose(self) -> None:
        """End what runs, forget everything, end the threads."""
        await self._tasks.aclose()
        self.history.clear()
        for path in self._played:
            self._delete(path)
        await self._tasks.join()
        self._threads.close()


def write_body(answer: Answer, path: Path) -> None:
    """Write the whole body; runs in a thread."""
    if answer.file is None:
        path.write_bytes(answer.body)
    else:
        shutil.copyfile(answer.file, path)
