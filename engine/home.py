"""Where Marina keeps its things on this machine. Pure but for `Home.create`, which belongs in a thread."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """Marina's folders, and the file of the database.

    `model_store` holds archives, `unpacked` what can be unpacked again, `logs` the log files, `runtime` the sockets and
    whatever else ends with the process, `environments` the packages that archives ask for, made when one does,
    `config` what the user chose; its files and the folder itself are made when something is chosen.
    """

    model_store: Path
    unpacked: Path
    logs: Path
    database: Path
    runtime: Path
    environments: Path
    config: Path

    @property
    def settings_file(self) -> Path:
        """The settings that the user saved: the lowest of all sources, for the window and `marina-server` alike."""
        return self.config / "saved.properties"

    @property
    def window_file(self) -> Path:
        """What the window remembers of itself."""
        return self.config / "window.ini"

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> Home:
        """Return the folders of this user: all below MARINA_HOME when it is set, else where the system keeps such."""
        if environ.get("MARINA_HOME"):
            root = Path(environ["MARINA_HOME"]).absolute()
            data, cache, state, config, runtime = root, root, root, root, root / "runtime"
        else:
            system = PlatformDirs("marina", appauthor=False)
            data, cache, state = system.user_data_path, system.user_cache_path, system.user_state_path
            config = system.user_config_path
            # platformdirs would fall back to /tmp, where anybody may plant the name.
            session = environ.get("XDG_RUNTIME_DIR")
            runtime = Path(session) / "marina" if session else cache / "runtime"
        return cls(
            data / "model_store",
            cache / "unpacked",
            state / "logs",
            data / "marina.sqlite",
            runtime,
            data / "environments",
            config,
        )

    def with_model_store(self, path: Path | None) -> Home:
        """Return a home whose archives lie in `path`; None leaves it as it is."""
        return dataclasses.replace(self, model_store=path) if path else self

    @property
    def downloads(self) -> Path:
        """Downloaded archives that are kept, so that what did not change need not come again."""
        return self.unpacked.with_name("downloads")

    @property
    def unfinished_starts(self) -> Path:
        """The file that counts starts which did not last."""
        return self.database.with_name("unfinished-starts")

    @property
    def name(self) -> str:
        """A name for this home on this machine that no other home has, of letters and digits."""
        return hashlib.sha256(os.fsencode(self.database)).hexdigest()[:16]

    def create(self) -> None:
        """Make the folders that are missing, for this user alone (mode 0700). Blocking: run it in a thread.

        Raises:
            OSError: a folder cannot be made, or somebody else planted the runtime folder.

        """
        for folder in (self.model_store, self.unpacked, self.logs):
            _make(folder)
        self.database.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self.create_runtime()

    def create_runtime(self) -> None:
        """Make the runtime folder alone, as `create` does."""
        _make(self.runtime)
        _claim(self.runtime)


def _make(folder: Path) -> None:
    folder.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    folder.mkdir(mode=_PRIVATE, exist_ok=True)


def _claim(folder: Path) -> None:
    """Refuse a folder of another user, or a link: sockets in it would not be ours alone."""
    if sys.platform == "win32":
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else. Remove it, or set MARINA_HOME to another folder.")
    folder.chmod(_PRIVATE)
