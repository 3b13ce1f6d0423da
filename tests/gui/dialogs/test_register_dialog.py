from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication

from engine.errors import (
    ArchiveNotFoundError,
    CancelledActError,
    ConflictError,
    DownloadError,
    InvalidArchiveError,
    RequirementsError,
)
from engine.registration import Registration
from engine.settings import Settings
from engine.snapshots import Key, Progress
from gui.dialogs.asking import ask
from gui.dialogs.register import RegisterDialog
from tests.gui.fakes import FakeEngine, a_summary, gone, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.gui.fakes import Run

    Act = Callable[[RegisterDialog], Awaitable[None]]

BASE = "http://127.0.0.1:8081"
DROPPED = Path("/downloads/digits.mar")
TAKEN = {Key("taken", "1.0")}
SETTINGS = Settings()


async def with_dialog(dialog: RegisterDialog, act: Act) -> bool:
    """Opens the dialog, lets a test use it, and closes it if that did not."""
    task = asyncio.get_running_loop().create_task(ask(dialog))
    await until(dialog.isVisible)
    await act(dialog)
    if not gone(dialog):
        dialog.close()
    return await task


def drive(run: Run, engine: FakeEngine, path: Path | str | None, act: Act, settings: Settings = SETTINGS) -> bool:
    async def body() -> bool:
        dialog = RegisterDialog(engine, BASE, settings, lambda key: key in TAKEN, path)
        return await with_dialog(dialog, act)

    accepted: bool = run(body())
    return accepted


def test_a_file_is_copied_and_looked_into_but_not_registered(run: Run, engine: FakeEngine) -> None:
    engine.summary = a_summary(description="<b>Digits</b>")

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert dialog.name.text() == "digits"
        assert dialog.parameters.handler.text() == "image_classifier"
        assert "2.3 MB" in dialog.facts.facts.text()
        assert "<b>Digits</b>" in dialog.facts.facts.text()
        assert dialog.facts.facts.textFormat() is Qt.TextFormat.PlainText
        dialog.facts.copy.click()
        assert QGuiApplication.clipboard().text() == engine.summary.sha256
        dialog.facts.listing.toggle.click()
        assert dialog.facts.files.toPlainText() == "model.pt\nhandler.py"
        assert "Contains code: handler.py." in dialog.facts.warning.text()
        assert dialog.words.text() == "Registers digits and starts 1 worker."

    assert drive(run, engine, DROPPED, look) is False
    assert engine.calls == [
        ("add_to_store", DROPPED),
        ("inspect", "digits.mar"),
        ("discard_from_store", "digits.mar"),
    ]


def test_registering_sends_what_differs_from_the_archive(run: Run, engine: FakeEngine) -> None:
    async def register(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("numbers")
        dialog.parameters.batch_size.set_value(8)
        dialog.parameters.max_batch_delay.set_value(0)
        dialog.parameters.initial_workers.set_value(2)
        assert "model_name=numbers" in dialog.disclosure.line.text()
        assert dialog.registered_name == "numbers"
        dialog.accept_button.click()
        await until(lambda: gone(dialog))

    assert drive(run, engine, DROPPED, register) is True
    wanted = Registration("digits.mar", model_name="numbers", batch_size=8, max_batch_delay=0, initial_workers=2)
    assert engine.calls[-1] == ("register", wanted)


def test_the_copy_shows_how_far_it_is_and_can_be_cancelled(run: Run, engine: FakeEngine) -> None:
    engine.gate = asyncio.Event()

    async def watch(dialog: RegisterDialog) -> None:
        await until(dialog.bar.isVisible)
        assert dialog.step.text() == "Copying 1.0 MB of 3.0 MB · 0 s"
        assert dialog.bar.value() * 3 == dialog.bar.maximum()
        assert not dialog.accept_button.isEnabled()
        dialog.cancel_button.click()

    assert drive(run, engine, DROPPED, watch) is False
    assert engine.calls == [("add_to_store", DROPPED)]


def test_a_broken_archive_is_refused_with_its_reason(run: Run, engine: FakeEngine) -> None:
    engine.error = InvalidArchiveError("digits.mar is no zip file.")

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.banner.isVisible)
        assert dialog.banner.text.text() == "digits.mar is no zip file."
        assert not dialog.accept_button.isEnabled()

    drive(run, engine, DROPPED, look)


def test_packages_that_cannot_be_installed_are_told_with_pips_own_words(run: Run, engine: FakeEngine) -> None:
    engine.error = RequirementsError("Custom pip package installation failed for model digits", cause="ERROR: no numpy")

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.banner.isVisible)
        text = "Custom pip package installation failed for model digits\nERROR: no numpy"
        assert dialog.banner.text.text() == text

    drive(run, engine, DROPPED, look)


def test_a_conflict_leaves_the_input_as_it_was(run: Run, engine: FakeEngine) -> None:
    async def conflict(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("late")
        engine.error = ConflictError("Model version 1.0 is already registered for model late")
        dialog.accept_button.click()
        await until(dialog.banner.isVisible)
        assert dialog.name.text() == "late"
        assert dialog.accept_button.isEnabled()

    assert drive(run, engine, DROPPED, conflict) is False


def test_a_name_in_the_store_is_looked_into_when_it_is_typed(run: Run, engine: FakeEngine) -> None:
    async def type_name(dialog: RegisterDialog) -> None:
        archive = dialog.file.archive
        assert dialog.focusWidget() is archive
        assert dialog.words.text() == "Choose an archive, or type its name in the model store."
        archive.setText("denoiser.mar")
        assert not dialog.accept_button.isEnabled()
        archive.editingFinished.emit()
        await until(dialog.accept_button.isEnabled)
        archive.setText("other.mar")
        assert not dialog.accept_button.isEnabled()
        assert not dialog.facts.isVisible()
        assert dialog.name.text() == ""
        archive.setText("denoiser.mar")
        assert dialog.accept_button.isEnabled()

    drive(run, engine, None, type_name)
    assert engine.calls == [("inspect", "denoiser.mar")]


def test_a_missing_archive_is_named(run: Run, engine: FakeEngine) -> None:
    engine.error = ArchiveNotFoundError("nothing.mar is not in the model store.")

    async def type_name(dialog: RegisterDialog) -> None:
        dialog.file.archive.setText("nothing.mar")
        dialog.file.archive.editingFinished.emit()
        await until(dialog.banner.isVisible)
        assert "nothing.mar" in dialog.banner.text.text()

    drive(run, engine, None, type_name)


def test_a_url_needs_no_look_inside(run: Run, engine: FakeEngine) -> None:
    async def type_address(dialog: RegisterDialog) -> None:
        dialog.file.archive.setText("https://models.example/digits.mar")
        dialog.file.archive.editingFinished.emit()
        assert dialog.source is dialog.url
        assert dialog.accept_button.isEnabled()
        assert not dialog.facts.isVisible()
        assert "Read after the download" in dialog.url.reach.allowed.text()
        workers = dialog.parameters.initial_workers
        workers.set_value(0)
        assert dialog.words.text() == "Registers digits.mar without workers. Scale it to serve."
        workers.set_value(None)
        assert dialog.words.text() == "Registers digits.mar with the default number of workers."
        dialog.url.sign.setChecked(True)
        assert dialog.registration() == Registration("https://models.example/digits.mar", s3_sse_kms=True)
        dialog.submit()
        await until(lambda: gone(dialog))

    assert drive(run, engine, None, type_address) is True
    assert [call[0] for call in engine.calls] == ["register"]


def test_a_dropped_url_is_filled_in(run: Run, engine: FakeEngine) -> None:
    async def look(dialog: RegisterDialog) -> None:
        assert dialog.url.line.text() == "https://models.example/digits.mar"
        assert dialog.accept_button.isEnabled()
        dialog.url.line.setText("models.example/digits.mar")
        assert "must begin with https://" in dialog.words.text()
        assert not dialog.accept_button.isEnabled()

    drive(run, engine, "https://models.example/digits.mar", look)


def test_what_the_settings_allow_is_said_and_private_addresses_are_warned_of(run: Run, engine: FakeEngine) -> None:
    settings = SETTINGS.replace(allowed_urls=("https?://.*",))

    async def look(dialog: RegisterDialog) -> None:
        assert "https?://.*" in dialog.url.reach.allowed.text()
        assert dialog.url.reach.warning.isVisible()
        assert "opens addresses of this machine" in dialog.url.reach.warning.text()

    drive(run, engine, "https://models.example/digits.mar", look, settings)


def test_an_address_is_tried_before_it_is_fetched(run: Run, engine: FakeEngine) -> None:
    async def test(dialog: RegisterDialog) -> None:
        assert not dialog.s3.test.isEnabled()
        dialog.tabs.setCurrentIndex(2)
        dialog.s3.bucket.setText("models")
        dialog.s3.key.setText("digits.mar")
        dialog.s3.of_profile.setText("research")
        assert dialog.s3.test.isEnabled()
        dialog.s3.test.click()
        assert not dialog.s3.test.isEnabled()
        await until(dialog.banner.isVisible)
        assert dialog.banner.text.text() == "The archive is there: 12.5 MB, encrypted with SSE-KMS."
        assert dialog.s3.test.isEnabled()
        engine.error = DownloadError("Failed to download archive from: s3://models/digits.mar. 404 NoSuchKey.")
        dialog.s3.test.click()
        await until(lambda: "NoSuchKey" in dialog.banner.text.text())

    assert drive(run, engine, None, test) is False
    assert {call[0] for call in engine.calls} == {"try_source"}
    [registration] = {call[1] for call in engine.calls}
    assert isinstance(registration, Registration)
    assert (registration.url, registration.s3_profile) == ("s3://models/digits.mar", "research")


def test_a_name_in_the_store_is_filled_in_and_looked_into(run: Run, engine: FakeEngine) -> None:
    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert dialog.source is dialog.file
        assert dialog.file.url == "digits.mar"

    drive(run, engine, "digits.mar", look)
    assert engine.calls == [("inspect", "digits.mar")]


def test_a_sha256_to_check_against_is_taken_along(run: Run, engine: FakeEngine) -> None:
    async def fill(dialog: RegisterDialog) -> None:
        dialog.parameters.sha256.setText("00ff")
        assert dialog.words.text() == "SHA-256 must be 64 hexadecimal digits."
        assert not dialog.accept_button.isEnabled()
        dialog.parameters.sha256.setText(" " + "0f" * 32)
        assert dialog.registration().sha256 == "0f" * 32
        assert f"sha256={'0f' * 32}" in dialog.curl()

    drive(run, engine, "https://models.example/digits.mar", fill)


def test_an_object_of_s3_is_asked_for_as_the_engine_takes_it(run: Run, engine: FakeEngine) -> None:
    async def fill(dialog: RegisterDialog) -> None:
        dialog.tabs.setCurrentIndex(2)
        s3 = dialog.s3
        assert "name of the bucket" in dialog.words.text()
        s3.bucket.setText("models")
        s3.key.setText("vision/my digits.mar")
        assert dialog.registration().url == "s3://models/vision/my%20digits.mar"
        assert not s3.sign.isEnabled()
        assert not dialog.registration().s3_sse_kms, "s3:// is signed without being asked"
        s3.region.setText("eu-central-1")
        assert s3.sign.isEnabled()
        assert dialog.registration().url == "https://models.s3.eu-central-1.amazonaws.com/vision/my%20digits.mar"
        assert dialog.registration().s3_sse_kms
        s3.sign.setChecked(False)
        assert not dialog.registration().s3_sse_kms
        s3.region.setText("frankfurt")
        assert "eu-central-1" in dialog.words.text()
        assert not dialog.accept_button.isEnabled()

    drive(run, engine, None, fill)


def test_every_parameter_is_checked_as_one_types(run: Run, engine: FakeEngine) -> None:
    async def fill(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        parameters = dialog.parameters
        for field, wrong in (
            (parameters.batch_size, "0"),
            (parameters.max_batch_delay, "-1"),
            (parameters.initial_workers, "1001"),
            (parameters.response_timeout, "abc"),
            (parameters.startup_timeout, "9" * 5000),
        ):
            before = field.text()
            field.setText(wrong)
            assert not dialog.accept_button.isEnabled()
            assert dialog.words.text().startswith(f"{field.accessibleName()} must be a whole number from ")
            assert dialog.accept_button.toolTip() == dialog.words.text()
            field.setText(before)
            assert dialog.accept_button.isEnabled()

    drive(run, engine, DROPPED, fill)


def test_everything_that_a_registration_can_say_is_sent(run: Run, engine: FakeEngine) -> None:
    async def fill(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert not dialog.parameters.handler.isVisible()
        dialog.more.click()
        assert dialog.parameters.handler.isVisible()
        dialog.parameters.handler.setText("text_classifier")
        dialog.parameters.runtime.setCurrentText("python3")
        dialog.parameters.response_timeout.set_value(30)
        dialog.parameters.startup_timeout.set_value(60)
        dialog.parameters.synchronous.setChecked(True)
        dialog.submit()
        await until(lambda: gone(dialog))

    assert drive(run, engine, DROPPED, fill) is True
    assert engine.calls[-1][1] == Registration(
        "digits.mar",
        handler="text_classifier",
        runtime="python3",
        initial_workers=1,
        response_timeout=30,
        startup_timeout=60,
        synchronous=True,
    )


def test_a_field_left_empty_shows_what_it_takes_and_from_where(run: Run, engine: FakeEngine) -> None:
    settings = SETTINGS.replace(default_response_timeout=45)

    async def look(dialog: RegisterDialog) -> None:
        assert dialog.parameters.max_batch_delay.placeholderText() == "100 by default"
        assert dialog.parameters.response_timeout.placeholderText() == "45, chosen in the window"

    drive(run, engine, None, look, settings)


def test_a_version_that_is_there_already_is_told_before(run: Run, engine: FakeEngine) -> None:
    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("taken")
        assert not dialog.accept_button.isEnabled()
        assert dialog.words.text().startswith("taken 1.0 is registered already. Type another model name")

    drive(run, engine, DROPPED, look)


def test_a_registration_is_cancelled_in_its_middle(run: Run, engine: FakeEngine) -> None:
    ended: list[bool] = []

    async def cancel(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        engine.gate = asyncio.Event()
        dialog.submit()
        await until(dialog.continue_button.isVisible)
        assert dialog._registering is not None
        dialog._registering.add_done_callback(lambda task: ended.append(task.cancelled()))
        dialog.show_step(Progress("unpacking", 5_000_000, 10_000_000))
        assert dialog.step.text() == "Unpacking 5.0 MB of 10 MB · 0 s"
        dialog.cancel_button.click()

    assert drive(run, engine, DROPPED, cancel) is False
    assert ended == [True]
    assert not engine.versions


def test_a_registration_goes_on_in_the_background(run: Run, engine: FakeEngine) -> None:
    async def scenario() -> None:
        dialog = RegisterDialog(engine, BASE, SETTINGS, lambda _key: False, DROPPED)

        async def leave(dialog: RegisterDialog) -> None:
            await until(dialog.accept_button.isEnabled)
            engine.gate = asyncio.Event()
            dialog.submit()
            await until(dialog.continue_button.isVisible)
            dialog.continue_button.click()
            await until(lambda: gone(dialog))

        assert await with_dialog(dialog, leave) is True
        assert dialog.background is not None
        assert not dialog.background.done()
        assert engine.gate is not None
        engine.gate.set()
        await dialog.background
        assert Key("digits", "1.0") in engine.versions

    run(scenario())


def test_a_registration_ended_elsewhere_is_told_inside(run: Run, engine: FakeEngine) -> None:
    async def cancel(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        engine.error = CancelledActError("digits.mar was cancelled.")
        dialog.submit()
        await until(dialog.banner.isVisible)
        assert not dialog.continue_button.isVisible()
        assert dialog.accept_button.isEnabled()

    drive(run, engine, DROPPED, cancel)


def test_another_archive_is_dropped_on_the_dialog(run: Run, engine: FakeEngine) -> None:
    async def drop(dialog: RegisterDialog) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl("file:///a/other.mar")])
        event = QDropEvent(
            QPointF(9, 9),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        dialog.dropEvent(event)
        await until(lambda: dialog.file.url == "other.mar" and dialog.accept_button.isEnabled())

    drive(run, engine, None, drop)


def test_a_name_that_cannot_be_seen_is_refused(run: Run, engine: FakeEngine) -> None:
    async def rename(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("digits ")
        assert not dialog.accept_button.isEnabled()
        assert "spaces around it" in dialog.words.text()

    drive(run, engine, DROPPED, rename)


def test_a_copy_goes_again_when_the_registration_failed_and_was_given_up(run: Run, engine: FakeEngine) -> None:
    async def fail(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        engine.error = ConflictError("digits is registered.")
        dialog.submit()
        await until(dialog.banner.isVisible)

    assert drive(run, engine, DROPPED, fail) is False
    assert engine.calls[-1] == ("discard_from_store", "digits.mar")


def test_what_was_in_the_store_before_stays_there(run: Run, engine: FakeEngine) -> None:
    engine.stored = {"digits.mar"}

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)

    drive(run, engine, DROPPED, look)
    assert ("discard_from_store", "digits.mar") not in engine.calls


def test_of_several_copies_the_registered_one_stays(run: Run, engine: FakeEngine) -> None:
    async def change_ones_mind(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.take_file("/downloads/signs.mar")
        await until(lambda: dialog.file.url == "signs.mar" and dialog.accept_button.isEnabled())
        dialog.submit()
        await until(lambda: gone(dialog))

    assert drive(run, engine, DROPPED, change_ones_mind) is True
    assert [call for call in engine.calls if call[0] == "discard_from_store"] == [("discard_from_store", "digits.mar")]


def test_an_archive_of_the_store_can_be_picked(run: Run, engine: FakeEngine) -> None:
    engine.stored = {"digits.mar", "signs.mar"}

    async def pick(dialog: RegisterDialog) -> None:
        await until(dialog.file.pick.isVisible)
        dialog.file.pick.click()
        popup = dialog.file.completer.popup()
        assert popup is not None
        assert popup.isVisible()
        model = popup.model()
        assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["digits.mar", "signs.mar"]
        dialog.file.archive.setText("signs.mar")
        dialog.file.completer.activated.emit("signs.mar")
        popup.hide()
        await until(dialog.accept_button.isEnabled)

    drive(run, engine, None, pick)
    assert engine.calls == [("inspect", "signs.mar")]


def test_an_empty_store_offers_nothing(run: Run, engine: FakeEngine) -> None:
    async def look(dialog: RegisterDialog) -> None:
        await until(lambda: not dialog._tasks._tasks)
        assert not dialog.file.pick.isVisible()

    drive(run, engine, None, look)
