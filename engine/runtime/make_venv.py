"""Makes a virtual environment that sees every package of this interpreter. Runs as a plain file, Python 3.9 or newer.

    python .../engine/runtime/make_venv.py FOLDER

The interpreter may be a virtual environment itself, whose packages `--system-site-packages` would not give. They come
after the new environment's own ones, and so does its pip, which installs into the environment it runs in.
"""

from __future__ import annotations

import os
import site
import sys
import venv
from pathlib import Path


def make(folder: Path) -> None:
    """Make the environment in `folder`."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    own = next(folder.rglob("site-packages"))
    # Unlike a plain path, this also heeds the .pth files that lie there.
    lines = [f"import site; site.addsitedir({packages!r})\n" for packages in inherited()]
    (own / "inherited.pth").write_text("".join(lines), encoding="utf-8")


def inherited() -> list[str]:
    """Return the folders in which this interpreter's packages are."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [*site.getsitepackages(), *user]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
