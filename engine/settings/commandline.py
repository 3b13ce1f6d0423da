"""The command line of `marina` and `marina-server`, made from the table of settings. Pure but for `--help`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from engine.errors import SettingsError
from engine.settings.declared import IGNORED_FLAGS, Setting, Settings

TORCHSERVE = "torchserve"
_STOP = (
    "--stop is not available: close Marina's window, press Ctrl+C where it runs, or send it SIGTERM. "
    "`marina-server torchserve --stop` ends what `marina-server torchserve --start` started."
)

# What the parser fills for options and arguments that TorchServe's command line does not have.
_MARINAS_OWN = frozenset({"version", "print_config", "restore", "sample", "open_files"})


class CommandLine(NamedTuple):
    """What was said. `given` maps a setting's key to (text, option); `ignored` are options without effect.

    `like_torchserve` tells whether one of the options is TorchServe's too, `log_config` is the file of that option.
    """

    given: dict[str, tuple[str, str]]
    config_file: str | None
    log_config: str | None
    like_torchserve: bool
    ignored: tuple[str, ...]
    open_files: tuple[str, ...]
    sample: bool
    show_version: bool
    print_config: bool
    stop: bool
    foreground: bool


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving: the window shows the text."""
        raise SettingsError(f"Command line: {message}. {self.prog} --help lists the options.")


def parse(arguments: Sequence[str], program: str) -> CommandLine:
    """Read the options. `--help` prints them and leaves.

    Raises:
        SettingsError: an option is unknown, incomplete or not available.
        SystemExit: `--help` was given.

    """
    said = vars(_parser(program).parse_intermixed_args(list(arguments)))
    if said["stop"] and program != TORCHSERVE:
        raise SettingsError(_STOP)
    given = {
        key: (",".join(said[key]) if setting.many else said[key], setting.flags[0])
        for key, setting in Settings.declared().items()
        if said.get(key) is not None
    }
    return CommandLine(
        given=given,
        config_file=said["ts_config"],
        log_config=said["log_config"],
        like_torchserve=program == TORCHSERVE
        or any(said[option] not in (None, False) for option in said.keys() - _MARINAS_OWN),
        ignored=tuple(flag for flag in IGNORED_FLAGS if said[flag] is not None),
        open_files=tuple(said.get("open_files", ())),
        sample=said.get("sample", False),
        show_version=said["version"],
        print_config=said["print_config"],
        stop=said["stop"],
        foreground=said["foreground"],
    )


def _parser(program: str) -> _Parser:
    parser = _Parser(prog=program, allow_abbrev=False, description="Serve models from TorchServe archives.")
    acts = parser.add_mutually_exclusive_group() if program == TORCHSERVE else parser
    acts.add_argument("-v", "--version", action="store_true", help="print the version and leave")
    parser.add_argument("--print-config", action="store_true", help="print every setting with its source and leave")
    parser.add_argument("--ts-config", metavar="FILE", help="a config.properties file")
    parser.add_argument("--log-config", metavar="FILE", help="a log4j2 file, for the levels and names of log files")
    for key, setting in Settings.declared().items():
        if setting.flags:
            parser.add_argument(*setting.flags, dest=key, default=None, **_shape(setting))
    always = program != TORCHSERVE
    starts = "accepted; Marina always starts like this" if always else "start a server, in the background (the default)"
    acts.add_argument("--start", action="store_true", help=starts)
    acts.add_argument("--stop", action="store_true", help=argparse.SUPPRESS if always else "end that server")
    parser.add_argument("--foreground", action="store_true", help=starts if always else "start it in the foreground")
    for flag, metavar in IGNORED_FLAGS.items():
        parser.add_argument(flag, dest=flag, metavar=metavar, help="accepted and ignored")
    if program == "marina":
        parser.add_argument("--sample", action="store_true", help="load the sample model, with one worker")
        parser.add_argument(
            "open_files", nargs="*", metavar="ARCHIVE", help="files or addresses to offer for registration"
        )
    return parser


def _shape(setting: Setting) -> dict[str, Any]:
    """Return how argparse takes the option, alone, with one value or with several, and explains it."""
    if setting.constant is not None:
        negated = "do not " if setting.constant == "false" else ""
        return {"action": "store_const", "const": setting.constant, "help": negated + setting.help}
    return {"metavar": setting.metavar, "nargs": "+" if setting.many else None, "help": setting.help}
