"""What goes into the bundle, and what of that which PyInstaller finds stays out. Standard library alone."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

# A file or folder, and the folder of the bundle that it goes into.
Data = tuple[str, str]
# An entry of PyInstaller's lists: the place in the bundle, where it comes from, and of what kind it is.
Entry = tuple[str, str, str]

# Of the standard library: what no handler imports, or what asks for libraries of the system.
NO_LIBRARY = ("test", "idlelib", "lib2to3", "tkinter", "_tkinter", "turtle", "turtledemo", "ensurepip", "site-packages")
# Marina signs in to AWS by these, and talks to these.
AWS = ("s3", "kms", "sts", "sso", "sso-oidc", "signin")
# Qt for Widgets needs none of these; neither do workers what torch is built and tested with. GTK's look comes with
# libraries that must be the desktop's own.
UNUSED = (
    "PySide6/Qt/qml/*",
    "PySide6/Qt/translations/*",
    "PySide6/Qt/plugins/egldeviceintegrations/*",
    "PySide6/Qt/plugins/generic/*",
    "PySide6/Qt/plugins/imageformats/*qpdf*",
    "PySide6/Qt/plugins/platforminputcontexts/*virtualkeyboard*",
    "PySide6/Qt/plugins/platformthemes/*qgtk3*",
    "PySide6/Qt/plugins/platforms/*qeglfs*",
    "PySide6/Qt/plugins/platforms/*qlinuxfb*",
    "PySide6/Qt/plugins/platforms/*qminimalegl*",
    "PySide6/Qt/plugins/platforms/*qvkkhrdisplay*",
    "PySide6/Qt/plugins/platforms/*qvnc*",
    "PySide6/Qt/plugins/qmltooling/*",
    "PySide6/Qt/plugins/sqldrivers/*",
    "*.dist-info/RECORD",
    "*.dist-info/direct_url.json",
    "*Qt6EglF[Ss]*",
    "*Qt6Pdf*",
    "*Qt6Qml*",
    "*Qt6Quick*",
    "*Qt6VirtualKeyboard*",
    "lib[ag]tk-*",
    "libcairo*",
    "libdatrie.so*",
    "libepoxy.so*",
    "libfribidi.so*",
    "libgdk*",
    "libgraphite2.so*",
    "libharfbuzz.so*",
    "libpango*",
    "libpixman*",
    "libthai.so*",
    "pyqtgraph/examples/*",
    "pyqtgraph/tests/*",
    "torch/bin/[!t]*",
    "torch/bin/test_*",
    "torch/include/*",
    "torch/lib/*.a",
    "torch/lib/*_test.so",
    "torch/share/*",
    "torch/test/*",
    "torch/utils/benchmark/utils/valgrind_wrapper/*",
)


def standard_library() -> list[str]:
    """Return the names of the modules that a handler may import without installing anything."""
    folder = Path(sysconfig.get_path("stdlib"))
    extensions = (path.name.removesuffix(suffix) for suffix in EXTENSION_SUFFIXES
                  for path in (folder / "lib-dynload").glob(f"*{suffix}"))  # fmt: skip
    return sorted({*_modules(folder), *(name for name in extensions if "." not in name and name not in NO_LIBRARY)})


def _modules(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[0] not in NO_LIBRARY and all(part.isidentifier() and part not in {"test", "tests"} for part in parts):
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def data_files(root: Path) -> list[Data]:
    """Return what Marina reads at run time and Python does not import, of the project in `root`.

    The runtime is plain source: interpreters other than the bundle's run it too.
    """
    kept = [*root.glob("engine/runtime/**/*.py"), *root.glob("resources/**/*.*"), *root.glob("gui/**/*.svg")]
    kept += [root / "engine/rpc/protos/interface.binpb", root / "engine/metrics/metrics.yaml"]
    return [(str(path), str(path.parent.relative_to(root))) for path in kept if "__pycache__" not in path.parts]


def kept(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries without those that nothing in Marina uses."""
    return [entry for entry in entries if _is_used(Path(entry[0]).as_posix())]


def _is_used(place: str) -> bool:
    package, _, rest = place.partition("/data/")
    if package in {"botocore", "boto3"} and "/" in rest:
        return rest.partition("/")[0] in AWS
    return not any(fnmatchcase(place, pattern) for pattern in UNUSED)
