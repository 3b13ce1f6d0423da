"""One process that plays all scenes at the scale of its environment.

`python -m tests.screenshots.session FOLDER SECONDS` puts pictures into the folder, after so long a warm-up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from qasync import QEventLoop  # type: ignore[import-untyped]  # it has no stubs

from engine.home import Home
from engine.host import Host
from engine.settings import load
from gui.application import Application
from gui.preferences import Preferences
from gui.theme import Theme
from tests.screenshots.scenes import play
from tests.screenshots.stage import Stage, app_of

CONFIGURATION = """
inference_address=http://127.0.0.1:18080
management_address=http://127.0.0.1:18081
metrics_address=http://127.0.0.1:18082
grpc_inference_port=17070
grpc_management_port=17071
"""


def main(pictures: Path, warm_up: float) -> None:
    """Run Marina in MARINA_HOME until the last picture is taken."""
    home = Home.find(os.environ)
    root = Path(os.environ["MARINA_HOME"])
    configuration = root / "config.properties"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    settings = load(["--ts-config", str(configuration)], os.environ, root, program="marina")
    # What the failing model says is for the window; without a handler Python would print it here too.
    logging.getLogger().addHandler(logging.NullHandler())
    app = app_of()
    theme = Theme(app)
    with QEventLoop(app) as loop:
        asyncio.set_event_loop(loop)
        application = Application(settings, lambda changed: Host(changed, home), theme, Preferences(home.window_file))
        loop.run_until_complete(_run(application, Stage(application, theme, home, pictures, warm_up)))


async def _run(application: Application, stage: Stage) -> None:
    running = asyncio.get_running_loop().create_task(application.run())
    try:
        await play(stage)
    finally:
        application.leave()
        await running


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
