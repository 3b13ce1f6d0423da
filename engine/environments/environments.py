"""The environments of all versions: made when first asked for, shared, and removed with the last that needs them.

On the loop. An environment is whole once its folder holds the file `COMPLETE`; whatever is not is made afresh. It is
made in its final place, for scripts and virtual environments hold the path they were made under. Every process of one
home shares the environments: file locks tell which are in use.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from engine.environments.interpreters import Interpreter, examine, own_interpreter, require_trusted
from engine.environments.locks import EnvironmentLocks
from engine.environments.processes import run_process
from engine.environments.recipes import Recipe, key_of
from engine.errors import InvalidArchiveError, RequirementsError, SettingsError
from engine.frozen import CHOOSE_PYTHON, is_frozen, own_python
from engine.snapshots import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from engine.environments.processes import Run
    from engine.settings import Settings
    from engine.threads import Threads
    from engine.unpacked import Unpacked

log = logging.getLogger(__name__)

COMPLETE = ".complete"
LAST_LINES = 20
# A whole environment that no process uses is kept for so many seconds after it was last used.
KEPT = 30 * 24 * 3600.0
# How often a guard is tried that another task or process holds, in seconds.
GUARD_CHECK = 0.1
# An archive's folder is where pip runs, so that its files can be named; its modules must not get in pip's way.
_FOR_PIP = {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Environment:
    """What the workers of a version run in: their interpreter and where it looks for modules.

    `folder` holds packages installed for the version; it is None when there are none. `first` is what they put before
    every other package, where the interpreter does not do so by itself.
    """

    python: str
    module_path: tuple[str, ...]
    folder: Path | None = None
    first: Path | None = None

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the workers' environment variables; TorchServe: packages go before all but the model's own files."""
        if self.first is None:
            return dict(inherited)
        path = [str(self.first), *filter(None, [inherited.get("PYTHONPATH")])]
        return {**inherited, "PYTHONPATH": os.pathsep.join(path)}


class Environments:
    """Who holds which environment. A holder is the scratch folder of an unpacked archive, one for each version."""

    def __init__(
        self,
        root: Path,
        model_store: Path,
        settings: Settings,
        variables: Mapping[str, str],
        threads: Threads,
        run: Run = run_process,
    ) -> None:
        """Environments lie in `root`. `variables` are those of worker processes."""
        self._root = root
        self._locks = EnvironmentLocks(root)
        self._model_store = model_store
        self._settings = settings
        self._variables = variables
        self._threads = threads
        self._run = run
        self._held: dict[Path, Environment] = {}
        self._interpreters: dict[str, Interpreter] = {}

    async def provide(self, name: str, unpacked: Unpacked, progress: Callable[[Progress], None] | None) -> None:
        """Have the version's environment ready, for `of`; cancelling it leaves nothing behind.

        Raises RequirementsError when the packages cannot be installed, SettingsError or InvalidArchiveError when the
        chosen interpreter cannot run workers.
        """
        interpreter = await self._interpreter(unpacked)
        file = unpacked.manifest.requirements_file
        if file and self._settings.install_py_dep_per_model:
            if is_frozen() and interpreter.path == own_python():
                raise _failed(name, f"Marina's own Python cannot install what its {file} lists. {CHOOSE_PYTHON}")
            venv = unpacked.config.use_venv is not False
            recipe = Recipe(interpreter, unpacked.folder, unpacked.folder / file, venv)
            await self._install(name, unpacked.scratch, recipe, progress)
            return
        if file:
            log.warning(
                "%s: what its %s lists is not installed. Set install_py_dep_per_model=true to have that done.",
                name,
                file,
            )
        self._held[unpacked.scratch] = Environment(interpreter.path, interpreter.module_path)

    def of(self, holder: Path) -> Environment:
        """Return what was provided for `holder`."""
        return self._held[holder]

    async def release(self, holder: Path) -> None:
        """Remove the holder's environment when no version and no process needs it; one that holds none is fine."""
        environment = self._held.pop(holder, None)
        folder = environment.folder if environment else None
        if folder is None or folder in self._used():
            return
        await self._threads.run(self._remove_unused, folder)

    async def sweep(self) -> None:
        """Remove environments that no process uses: those made by half, and those not used for a month."""
        if self._settings.install_py_dep_per_model:
            await self._threads.run(self._remove_old)

    async def close(self) -> None:
        """Keep every environment, and use none any more. Safe to call twice."""
        self._held.clear()
        await self._threads.run(self._locks.close)

    def _used(self) -> set[Path | None]:
        # A copy first: this is called in threads too.
        return {environment.folder for environment in list(self._held.values())}

    @asynccontextmanager
    async def _guarded(self, folder: Path) -> AsyncIterator[None]:
        """Hold the environment's guard, against other tasks and other processes."""
        guard = await self._threads.run(self._locks.guard, folder.name)
        try:
            # Cancelled meanwhile, this ends only when the thread has ended, so that the release comes later.
            while not await self._threads.run_cancellable(lambda _report, _cancel: _acquired(guard), None):  # noqa: ASYNC110 - no process tells of a release
                await asyncio.sleep(GUARD_CHECK)
            yield
        finally:
            await self._threads.run(guard.release)

    def _remove_unused(self, folder: Path) -> None:
        """Remove an environment that neither a version nor another process needs.

        Where another task or process holds the guard, it makes or removes the environment itself.
        """
        guard = self._locks.guard(folder.name)
        if not _acquired(guard):
            return
        try:
            if folder not in self._used():
                self._locks.end_use(folder.name)
                if not self._locks.is_used(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)
        finally:
            guard.release()

    def _remove_old(self) -> None:
        oldest = time.time() - KEPT
        for folder in self._root.glob("[!.]*"):
            if not _was_used(folder, since=oldest):
                self._remove_unused(folder)

    # Packages

    async def _install(
        self, name: str, holder: Path, recipe: Recipe, progress: Callable[[Progress], None] | None
    ) -> None:
        try:
            folder = self._root / await self._threads.run(key_of, recipe)
        except (OSError, ValueError) as error:
            raise _failed(name, str(error)) from error
        packages = recipe.packages(folder)
        module_path = (str(packages), *recipe.interpreter.module_path)
        self._held[holder] = Environment(
            recipe.python(folder), module_path, folder, first=None if recipe.venv else packages
        )
        try:
            async with self._guarded(folder):
                await self._threads.run(self._locks.begin_use, folder.name)
                if not await self._threads.run((folder / COMPLETE).exists):
                    await self._make(name, recipe, folder, progress)
                await self._threads.run((folder / COMPLETE).touch)
        except BaseException:
            await self.release(holder)
            raise

    async def _make(self, name: str, recipe: Recipe, folder: Path, progress: Callable[[Progress], None] | None) -> None:
        await self._threads.run(_make_empty, folder)
        last: deque[str] = deque(maxlen=LAST_LINES)

        def take(stream: str, line: str) -> None:
            log.log(logging.WARNING if stream == "stderr" else logging.INFO, "packages of %s: %s", name, line)
            last.append(line)
            if progress is not None:
                progress(Progress("environment", 0, 0, line))

        for command in recipe.commands(folder):
            try:
                code = await self._run(command, recipe.folder, {**self._variables, **_FOR_PIP}, take)
            except OSError as error:
                raise _failed(name, f"{command[0]} cannot be started: {error.strerror or error}") from error
            if code:
                raise _failed(name, "\n".join(last))

    # Interpreters

    async def _interpreter(self, unpacked: Unpacked) -> Interpreter:
        """Return the archive's own choice, else the setting's, else Marina's own."""
        chosen = unpacked.config.worker_python
        path = chosen or self._settings.worker_python
        if not path:
            return own_interpreter()
        try:
            return await self._examined(path)
        except ValueError as error:
            if chosen:
                raise InvalidArchiveError(
                    f"{unpacked.archive} names {path} as workerPython, but {error}. "
                    "Name another in its model-config, or leave it out."
                ) from error
            source = self._settings.source("worker_python")
            raise SettingsError(
                f"worker_python = {path!r} ({source}): {error}. Name another Python, or leave it out for Marina's own."
            ) from error

    async def _examined(self, path: str) -> Interpreter:
        """Return what an interpreter says about itself; each that works is asked once."""
        if path not in self._interpreters:
            await self._threads.run(require_trusted, Path(path), self._model_store)
            found = await examine(path, self._variables, self._run)
            log.info("Workers may run on %s", found)
            self._interpreters[path] = found
        return self._interpreters[path]


def _failed(name: str, cause: str) -> RequirementsError:
    """Return TorchServe's error; pip's own words go to the log and with it."""
    log.error("The packages of %s cannot be installed:\n%s", name, cause)
    return RequirementsError(f"Custom pip package installation failed for model {name}", cause=cause)


def _make_empty(folder: Path) -> None:
    """Make the folder, and its parent for this user alone; what a killed process left there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir()


def _acquired(guard: FileLock) -> bool:
    """Take the guard unless another holds it; returns whether this worked."""
    try:
        guard.acquire(blocking=False)
    except Timeout:
        return False
    return True


def _was_used(folder: Path, *, since: float) -> bool:
    """Whether the environment is whole and was used after `since`, in seconds since the epoch."""
    try:
        return (folder / COMPLETE).stat().st_mtime > since
    except FileNotFoundError:
        return False
