"""The first thing that each program of the bundle runs: it makes itself at home on this system.

The environment becomes what it was before the start. Programs that Marina and handlers start inherit it: an outside
Python would load the bundle's libraries. The system's loader has read the variables by now, and PyInstaller sets them
again where a program of the bundle starts another.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import MutableMapping
from pathlib import Path

LOADER_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
# Where Debian, Fedora, openSUSE and Alpine, with those that come from them, have the certificates that they trust.
CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def restore(environ: MutableMapping[str, str]) -> None:
    """Make `environ` what it was before the program started (PyInstaller keeps the old value as NAME_ORIG)."""
    for name in [name for name in environ if name.startswith("_PYI_")]:
        del environ[name]
    for name in LOADER_PATHS:
        environ.pop(name, None)
        if (before := environ.pop(f"{name}_ORIG", None)) is not None:
            environ[name] = before


def trust_as_here(environ: MutableMapping[str, str], paths: ssl.DefaultVerifyPaths) -> None:
    """Name this system's certificates in `environ` where OpenSSL, which looks as where it was built, finds none."""
    if paths.cafile is None and (paths.capath is None or not any(Path(paths.capath).iterdir())):
        found = next((path for path in CERTIFICATES if Path(path).is_file()), None)
        if found is not None:
            environ[paths.openssl_cafile_env] = found


def give_streams() -> None:
    """Have something to print to: a program without a console has nothing on Windows."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - it stays open


if hasattr(sys, "_MEIPASS"):
    restore(os.environ)
    if sys.platform == "linux":
        trust_as_here(os.environ, ssl.get_default_verify_paths())
    give_streams()
