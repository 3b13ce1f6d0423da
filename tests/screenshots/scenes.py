"""What the pictures show, in the order of one session: each scene is a few lines over the stage."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.registration import Registration
from gui.dialogs.about import AboutDialog
from gui.dialogs.kill_worker import KillDialog
from gui.dialogs.make_archive import MakeArchiveDialog
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.settings import SettingsDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.palette.popup import Palette
from gui.panels.details import API, GRAPHS, LOG, OVERVIEW, QUEUE, TRY_IT, WORKERS
from gui.tryit.request import Draft
from tests.screenshots.load import Load
from tests.screenshots.models import SAMPLE, digits, make_archives, model_folder
from tests.screenshots.stage import Scene, Stage
from tests.support.person import Person

SPEECH = Path(__file__).parents[1] / "data" / "speech.wav"
TEXT = b"Ships that leave the harbour at noon need a pilot. " * 12
# How many clients join over the time of the warm-up, so that the graphs tell a story.
GROWING = (4, 5, 6)
WORKERS_OF = {"digits": 2, "digits-2": 1, "voice": 1, "echo": 1, "summarizer": 2, "street-signs": 1, "heatmap": 1}


async def first_run(stage: Stage) -> None:
    engine = stage.person.window._host.engine
    await stage.person.sees(lambda: engine.machine().memory_total)
    await stage.take("first-run")


async def models(stage: Stage) -> None:
    """Register all, and wait until those that can work do."""
    loop, engine = asyncio.get_running_loop(), stage.person.window._host.engine
    archives = await loop.run_in_executor(None, make_archives, stage.home.model_store.parent / "downloads")
    for name, path in archives.items():
        file_name = await engine.add_to_store(path, lambda _: None)
        await engine.register(Registration(file_name, initial_workers=WORKERS_OF[name]))
    for name, version, workers in (("digits", "1.0", 2), ("silero", "1.0", 1), ("summarizer", "1.0", 2)):
        await stage.person.ready(name, version, workers)


async def under_load(stage: Stage) -> None:
    load = Load(stage.person.addresses["inference"])
    digit = (SAMPLE / "seven.png").read_bytes()
    load.add("digits/1.0", digit, clients=6, pause=0.01)
    load.add("digits/2.0", digit, clients=1, pause=0.05)
    load.add("silero", SPEECH.read_bytes(), clients=1, pause=0.3)
    load.add("echo", TEXT, clients=1, pause=0.08)
    try:
        for clients in GROWING:
            load.add("summarizer", TEXT, clients=clients, pause=0.1)
            await asyncio.sleep(stage.warm_up / len(GROWING))
        stage.choose("digits", "1.0", WORKERS)
        await stage.take("workers-busy")
        for tab, name in ((OVERVIEW, "overview"), (QUEUE, "queue"), (GRAPHS, "graphs"), (LOG, "log"), (API, "api")):
            stage.choose("summarizer", tab=tab)
            await stage.take(name)
        stage.choose("street-signs", tab=WORKERS)
        stage.person.window.details.open_failure()
        await stage.take("failed-worker")
    finally:
        await load.aclose()


async def try_it(stage: Stage) -> None:
    stage.choose("heatmap", tab=TRY_IT)
    page = stage.person.window.details.try_it
    page.composer.show_draft(Draft(path=stage.home.model_store.parent / "downloads" / "four.png"))
    page.composer.changed.emit()
    await stage.person.sees(page.send_button.isEnabled)
    page.send_button.click()
    await stage.person.sees(lambda: page.send_button.isEnabled() and not page.cancel_button.isEnabled())
    await stage.take("try-it")


async def dialogs(stage: Stage) -> None:
    window = stage.person.window
    actions, downloads = window.actions_, stage.home.model_store.parent / "downloads"

    def by_url(dialog: RegisterDialog) -> None:
        dialog.tabs.setCurrentIndex(1)
        dialog.url.line.setText("https://models.example/harbour/denoiser-1.4.mar")

    def by_s3(dialog: RegisterDialog) -> None:
        dialog.tabs.setCurrentIndex(2)
        dialog.s3.bucket.setText("harbour-models")
        dialog.s3.key.setText("vision/denoiser-1.4.mar")
        dialog.s3.region.setText("eu-central-1")

    def to_three(dialog: ScaleDialog) -> None:
        dialog.high.setValue(3)
        dialog.low.setValue(3)

    another = await asyncio.get_running_loop().run_in_executor(None, digits, downloads, "2.1")
    await stage.take_dialog("register", RegisterDialog, lambda: window.operations.register([another]))
    await stage.take_dialog("register-url", RegisterDialog, actions.register.trigger, by_url)
    await stage.take_dialog("register-s3", RegisterDialog, actions.register.trigger, by_s3)
    folder = await asyncio.get_running_loop().run_in_executor(None, model_folder, downloads / "numbers")
    await stage.take_dialog("make-archive", MakeArchiveDialog, lambda: window.operations.make_archive([folder]))
    stage.choose("digits", "2.0", WORKERS)
    await stage.take_dialog("scale", ScaleDialog, actions.scale.trigger, to_three)
    await stage.take_dialog("set-default", SetDefaultDialog, actions.set_default.trigger)
    await stage.take_dialog("unregister", UnregisterDialog, actions.unregister.trigger)
    window.details.workers.table.choose(window.details.workers.model.index(0, 0))
    await stage.take_dialog("kill-worker", KillDialog, actions.kill_worker.trigger)
    await stage.take_dialog("settings-window", SettingsDialog, actions.settings.trigger)
    await stage.take_dialog(
        "settings-server", SettingsDialog, actions.settings.trigger, lambda dialog: dialog.tabs.setCurrentIndex(1)
    )
    await stage.take_dialog("about", AboutDialog, actions.about.trigger)


async def palette(stage: Stage) -> None:
    window = stage.person.window
    window.actions_.palette.trigger()
    [popup] = window.findChildren(Palette)
    popup.line.setText("re")
    await stage.take("palette")
    popup.close()


SCENES: tuple[Scene, ...] = (first_run, models, under_load, try_it, dialogs, palette)


async def play(stage: Stage) -> None:
    """Play every scene, once Marina runs."""
    person: Person = stage.person
    await person.sees(lambda: person.application.window and person.window.status.state.text() == "Running")
    for scene in SCENES:
        await scene(stage)
