"""The register dialog with a typed address and the engine itself, on the Qt loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.engine import Engine
from engine.tasks import TaskGroup
from gui.dialogs.asking import ask
from gui.dialogs.register import RegisterDialog
from tests.gui.fakes import until
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings
from tests.support.upstream import upstream
from tests.support.workers import FakeLauncher

if TYPE_CHECKING:
    from tests.gui.fakes import Run


async def register(engine: Engine, url: str) -> str:
    """Type the address and press Register; return what the banner says, nothing when the dialog was content."""
    dialog = RegisterDialog(engine, "http://127.0.0.1:8081", engine.settings, lambda _key: False, url)
    asked = TaskGroup().start(ask(dialog), "dialog")
    await until(dialog.isVisible)
    dialog.accept_button.click()
    await until(lambda: asked.done() or dialog.banner.isVisible())
    if asked.done():
        return ""
    said = dialog.banner.text.text()
    dialog.close()
    await asked
    return said


def test_a_typed_address_is_downloaded_and_registered_or_the_banner_says_why(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Engine(make_settings(allowed_urls=("http://.*",)), make_home(tmp_path), FakeLauncher())
        await engine.start()
        try:
            async with upstream() as site:
                site.files["/far.mar"] = archive(tmp_path, "far").read_bytes()
                assert await register(engine, f"{site.url}/far.mar") == ""
                assert engine.list_models() == [("far", f"{site.url}/far.mar")]
                missing = f"{site.url}/missing.mar"
                assert await register(engine, missing) == f"Failed to download archive from: {missing}"
        finally:
            await engine.stop()

    run(scenario())
