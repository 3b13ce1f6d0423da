"""From file, command line and environment to `Settings`. Reads one small file; called once before the loop runs.

TorchServe: TS_* variables, where the file says `enable_envvars_config=true`, go before the command line, and that
before the file. The file is the one named by TS_CONFIG_FILE, else by `--ts-config`, else, for `marina-server`, the last
snapshot, unless `--ncs` is given, else `config.properties` in the working folder, if it is there. The window reads no
file that was not named: it often starts in the folder of a downloaded archive, whose other files must not decide what
runs. What the user saved in the window comes last, and never keeps Marina from starting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import SettingsError
from engine.settings import commandline, properties, values
from engine.settings.commandline import CommandLine
from engine.settings.declared import IGNORED_KEYS, SAVED, Setting, Settings
from engine.settings.log_options import MARINAS_OWN, LogOptions, log_options
from engine.settings.openings import opening
from engine.settings.snapshot_folder import last_snapshot
from engine.settings.values import text_of

_VARIABLE = re.compile(r"\$\$([^$]+)\$\$")
_MAX_FILE_SIZE = 1024 * 1024
# The program whose log files always lie in the home, since the window shows them.
WINDOW = "marina"
# TorchServe: always read, and on for the word "oip" alone.
OPEN_INFERENCE_VARIABLE = "TS_OPEN_INFERENCE_PROTOCOL"


class Given(NamedTuple):
    """A value as text, with where it stands."""

    text: str
    source: str


class _Saved(NamedTuple):
    """What the saved settings say, its values, and why some of it cannot be used."""

    given: dict[str, Given]
    values: dict[str, Any]
    problems: tuple[str, ...]


def load(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    working_folder: Path,
    *,
    program: str,
    saved: Path | None = None,
) -> Settings:
    """Return the effective settings of `program` ("marina" or "marina-server").

    `arguments` come without the program's name; relative paths start at `working_folder`. `saved` is the file of what
    the user saved in the window, if it is there.

    Raises:
        SettingsError: a value, a key's source or the file cannot be used; the text says what to do.
        SystemExit: `--help` was given, and printed.

    """
    line = commandline.parse(arguments, program)
    asked = _asked_file(line, environ, working_folder)
    snapshot = None if asked or _reads_no_snapshot(line, program) else last_snapshot(environ, working_folder)
    file = asked or snapshot or _usual_file(working_folder, program)
    in_file = _read_file(file, environ) if file else {}
    on_line = {key: Given(*given) for key, given in line.given.items()}
    own = _read_saved(saved, environ)
    given = in_file | on_line | _from_environment(own.given | in_file, environ)
    declared = Settings.declared()
    known = {key: one for key, one in given.items() if key in declared}
    return Settings(
        **(own.values | {key: value_of(key, one, working_folder) for key, one in known.items()}),
        sources={key: one.source for key, one in ({key: own.given[key] for key in own.values} | known).items()},
        unknown_keys=tuple(sorted((in_file.keys() | own.given.keys()) - declared.keys() - IGNORED_KEYS)),
        problems=own.problems,
        ignored_keys=(*sorted(in_file.keys() & IGNORED_KEYS), *line.ignored, *_ignored_by(program, line)),
        config_file=file,
        open_files=tuple(opening(text, working_folder) for text in line.open_files),
        sample=line.sample,
        show_version=line.show_version,
        print_config=line.print_config,
        log_options=_log_options(line, environ, working_folder) if program != WINDOW else MARINAS_OWN,
        texts={key: one.text for key, one in known.items()},
        reads_last_snapshot=snapshot is not None,
    )


def _ignored_by(program: str, line: CommandLine) -> tuple[str, ...]:
    return ("--log-config",) if program == WINDOW and line.log_config else ()


def _log_options(line: CommandLine, environ: Mapping[str, str], working_folder: Path) -> LogOptions:
    config = working_folder / line.log_config if line.log_config else None
    if config and not config.is_file():
        raise SettingsError(f"--log-config file not found: {config}. Correct the path or leave the option out.")
    return log_options(environ, working_folder, like_torchserve=line.like_torchserve, config=config)


def _reads_no_snapshot(line: CommandLine, program: str) -> bool:
    """Whether snapshots do not count: with `--ncs`, and for the window, which takes nothing from where it begins."""
    return program == WINDOW or "record" in line.given


def _asked_file(line: CommandLine, environ: Mapping[str, str], working_folder: Path) -> Path | None:
    """Return the file that was asked for, which must be there, or None."""
    asked = {"TS_CONFIG_FILE": environ.get("TS_CONFIG_FILE"), "--ts-config": line.config_file}
    for source, name in asked.items():
        if name:
            path = working_folder / name
            if not path.is_file():
                raise SettingsError(
                    f"{source} names {path}, but there is no such file. Correct the path or leave it out."
                )
            return path
    return None


def _usual_file(working_folder: Path, program: str) -> Path | None:
    path = working_folder / "config.properties"
    return path if program != WINDOW and path.is_file() else None


def _read_saved(path: Path | None, environ: Mapping[str, str]) -> _Saved:
    """Read the saved settings; what cannot be used is passed over."""
    if path is None or not path.is_file():
        return _Saved({}, {}, ())
    try:
        given = _read_file(path, environ, SAVED)
    except SettingsError as error:
        return _Saved({}, {}, (str(error),))
    found: dict[str, Any] = {}
    problems = []
    for key in sorted(given.keys() & Settings.declared().keys()):
        try:
            found[key] = value_of(key, given[key], path.parent)
        except SettingsError as error:
            problems.append(str(error))
    return _Saved(given, found, tuple(problems))


def _read_file(path: Path, environ: Mapping[str, str], name: str = "") -> dict[str, Given]:
    """Return the file's keys, the last of each, with `$$NAME$$` replaced from the environment."""
    try:
        entries = properties.parse(read_text(path))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no properties file: {error}.") from error
    found = {}
    for entry in entries:
        source = f"{name or path.name} line {entry.line} ({path})"
        found[entry.key] = Given(_substitute(entry, environ, source).strip(), source)
    return found


def read_text(path: Path) -> str:
    """Read a properties file, in whichever of the two encodings; raises OSError, and ValueError when it is huge."""
    return _decode(_read_bytes(path))


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MAX_FILE_SIZE + 1)
    if len(data) > _MAX_FILE_SIZE:
        raise ValueError(f"it is larger than {_MAX_FILE_SIZE} bytes")
    return data


def _decode(data: bytes) -> str:
    """Read UTF-8, else Latin-1, which is what Java takes every properties file for."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _substitute(entry: properties.Entry, environ: Mapping[str, str], source: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in environ:
            raise SettingsError(
                f"{entry.key} = {entry.value!r} ({source}): Invalid Environment Variable {name}. "
                f"Set the variable or write the value itself."
            )
        return environ[name]

    return _VARIABLE.sub(value, entry.value)


def _from_environment(in_file: Mapping[str, Given], environ: Mapping[str, str]) -> dict[str, Given]:
    """Return what TS_* variables say, where the file allows them to; one needs no leave (TorchServe)."""
    found = {}
    if word := environ.get(OPEN_INFERENCE_VARIABLE):
        found["ts_open_inference_protocol"] = Given(str(word == "oip"), f"variable {OPEN_INFERENCE_VARIABLE}")
    if not _is_on(in_file, "enable_envvars_config"):
        return found
    declared = Settings.declared().items()
    named = {key: _variable_of(key, setting) for key, setting in declared if setting.environment}
    if not _is_on(in_file, "use_env_allowed_urls"):
        del named["allowed_urls"]
    given = {key: Given(environ[name], f"variable {name}") for key, name in named.items() if name in environ}
    return found | given


def _variable_of(key: str, setting: Setting) -> str:
    return setting.environment if isinstance(setting.environment, str) else f"TS_{key.upper()}"


def _is_on(in_file: Mapping[str, Given], key: str) -> bool:
    return key in in_file and in_file[key].text.lower() == "true"


def value_of(key: str, given: Given, working_folder: Path) -> Any:
    """Return the value of a text. An empty text stands for the default, but `allowed_urls=` allows nothing."""
    setting = Settings.declared()[key]
    default = Settings.__dataclass_fields__[key].default
    if not given.text and key != "allowed_urls":
        return default
    try:
        value = setting.parse(given.text)
        if not isinstance(value, Path):
            return value
        path = working_folder / value
        return _existing_file(path) if setting.parse is values.file else _existing_folder(path)
    except ValueError as error:
        instead = text_of(default) or "nothing"
        raise SettingsError(
            f"{key} = {given.text!r} ({given.source}): {error}. Correct it, or leave it out for the default, {instead}."
        ) from error


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _existing_folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"there is no folder {path}")
    return path
