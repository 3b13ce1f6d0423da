"""`marina-server` and `python -m engine`: the engine without a window, also in the manner of TorchServe's command."""

from __future__ import annotations

import sys

from engine import torchserve_command
from engine.settings.commandline import TORCHSERVE
from engine.standard_streams import open_standard_streams
from engine.startup import read_settings


def main() -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    open_standard_streams()
    if sys.argv[1:2] == [TORCHSERVE]:
        return torchserve_command.main(sys.argv[2:])
    settings = read_settings("marina-server")
    from engine.server import run  # noqa: PLC0415 - it takes a while, and TorchServe's command may do without

    return run(settings, "marina-server")


if __name__ == "__main__":
    sys.exit(main())
