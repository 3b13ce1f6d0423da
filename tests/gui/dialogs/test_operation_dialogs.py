from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QWidget

from engine.errors import AddressInUseError, UnavailableError
from engine.settings import Settings
from engine.snapshots import Changes, GpuSnapshot, Machine
from gui.dialogs.about import AboutDialog
from gui.dialogs.address import AddressDialog, Answer
from gui.dialogs.asking import ask
from gui.dialogs.disclosure import LINES
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.tables.catalog import Catalog
from gui.tables.records import ModelRecord
from tests.gui.fakes import MB, FakeEngine, a_queue, a_version, a_worker, until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pytestqt.qtbot import QtBot

    from tests.gui.fakes import Run

BASE = "http://127.0.0.1:8081"


async def answered(dialog: QDialog, act: Callable[[], Any]) -> bool:
    """Opens the dialog, does something to it once it is there, and returns its answer."""
    asking: Coroutine[Any, Any, bool] = ask(dialog)
    task = asyncio.get_running_loop().create_task(asking)
    await until(dialog.isVisible)
    act()
    return await task


def one_version(_model: str) -> int:
    return 1


def two_versions() -> ModelRecord:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version(), a_version(version="2.0", is_default=False))))
    return next(iter(catalog.models.values()))


def test_asking_tells_what_was_chosen(run: Run) -> None:
    dialog = QDialog()
    assert run(answered(dialog, dialog.accept)) is True


def test_closing_is_a_refusal(run: Run) -> None:
    dialog = QDialog()
    assert run(answered(dialog, dialog.close)) is False


def test_a_cancelled_question_closes_its_dialog(run: Run) -> None:
    dialog = QDialog()
    closed: list[int] = []
    dialog.finished.connect(closed.append)

    async def cancel() -> None:
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert closed == [QDialog.DialogCode.Rejected]

    run(cancel())


def test_scaling_sends_both_numbers(run: Run, engine: FakeEngine) -> None:
    dialog = ScaleDialog(engine, [a_version()], BASE)
    dialog.high.setValue(3)
    dialog.low.setValue(3)
    assert dialog.words.text() == "Starts 2 workers, about 61 MB each."
    assert run(answered(dialog, dialog.accept_button.click)) is True
    assert engine.calls == [("scale", "digits", "1.0", 3, 3)]


@pytest.mark.usefixtures("run", "theme")
def test_the_fields_can_be_seen(engine: FakeEngine, qtbot: QtBot) -> None:
    dialog = ScaleDialog(engine, [a_version()], BASE)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.isVisible() and dialog.height() > dialog.low.sizeHint().height())
    for box in (dialog.low, dialog.high):
        assert box.height() >= box.minimumSizeHint().height()
        assert dialog.rect().contains(box.mapTo(dialog, box.rect().bottomRight()))


def test_scaling_says_what_is_wrong_while_one_types(run: Run, engine: FakeEngine) -> None:
    dialog = ScaleDialog(engine, [a_version(workers=(a_worker(), a_worker("9001")))], BASE)
    dialog.low.setValue(5)
    assert not dialog.accept_button.isEnabled()
    assert "at least 5" in dialog.words.text()
    dialog.high.setValue(5)
    assert dialog.accept_button.isEnabled()
    dialog.low.setValue(0)
    assert dialog.words.text().startswith("Stops 2 workers once")
    assert "min_worker=0&max_worker=5" in dialog.disclosure.line.text()
    run(answered(dialog, dialog.reject))
    assert engine.calls == []


def test_an_error_of_the_engine_is_shown_inside_and_the_input_stays(run: Run, engine: FakeEngine) -> None:
    engine.error = UnavailableError("No room for 7 workers.")
    dialog = ScaleDialog(engine, [a_version()], BASE)
    dialog.high.setValue(7)

    async def fail_then_cancel() -> bool:
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        dialog.high.setFocus()
        dialog.accept_button.click()
        await until(dialog.banner.isVisible)
        assert dialog.focusWidget() is dialog.high
        assert dialog.banner.text.text() == "No room for 7 workers."
        assert dialog.high.value() == 7
        assert dialog.accept_button.isEnabled()
        dialog.reject()
        return await task

    assert run(fail_then_cancel()) is False


def test_closing_while_it_works_cancels_the_work(run: Run, engine: FakeEngine) -> None:
    engine.gate = asyncio.Event()
    dialog = ScaleDialog(engine, [a_version()], BASE)

    async def close_meanwhile() -> bool:
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        dialog.accept_button.click()
        await until(lambda: bool(engine.calls))
        assert not dialog.accept_button.isEnabled()
        dialog.reject()
        return await task

    assert run(close_meanwhile()) is False


def test_the_default_version_is_chosen_among_the_models_own(run: Run, engine: FakeEngine) -> None:
    dialog = SetDefaultDialog(engine, two_versions(), "2.0", BASE)
    assert dialog.words.text() == "Requests to /predictions/digits go to 2.0 instead of 1.0."
    dialog.versions.setCurrentText("1.0")
    assert not dialog.accept_button.isEnabled()
    dialog.versions.setCurrentText("2.0")
    assert run(answered(dialog, dialog.accept_button.click)) is True
    assert engine.calls == [("set_default", "digits", "2.0")]


def test_unregistering_names_what_is_lost(run: Run, engine: FakeEngine) -> None:
    version = a_version(queue=a_queue(pending=3, in_flight=1))
    engine.put(version)
    dialog = UnregisterDialog(engine, [version], one_version, BASE)
    assert dialog.windowTitle() == "Unregister digits 1.0?"
    assert dialog.words.text() == (
        "Stops 1 worker. 4 requests are answered first. The archive stays in the model store. "
        "You can undo this for 10 seconds."
    )
    assert run(answered(dialog, dialog.accept_button.click)) is True
    assert engine.calls == [("unregister", "digits", "1.0")]


def test_enter_unregisters_nothing(run: Run, engine: FakeEngine) -> None:
    dialog = UnregisterDialog(engine, [a_version()], one_version, BASE)
    assert run(answered(dialog, lambda: QTest.keyClick(dialog, Qt.Key.Key_Return))) is False
    assert engine.calls == []


@pytest.mark.parametrize(
    ("button", "answer"), [("use_other", Answer.USE_OTHER), ("try_again", Answer.TRY_AGAIN), ("quit", Answer.QUIT)]
)
def test_a_taken_port_has_three_ways_out(run: Run, button: str, answer: Answer) -> None:
    dialog = AddressDialog(AddressInUseError("127.0.0.1", 8080, "java (pid 812)"), 8083)
    assert dialog.use_other.text() == "Use port 8083"
    run(answered(dialog, getattr(dialog, button).click))
    assert dialog.answer is answer


def test_the_curl_line_is_folded_until_asked_for(run: Run, engine: FakeEngine) -> None:
    parent = QWidget()
    dialog = ScaleDialog(engine, [a_version(max_workers=4)], BASE, parent)

    def unfold() -> None:
        assert not dialog.disclosure.line.isVisible()
        dialog.disclosure.toggle.click()
        assert dialog.disclosure.line.isVisible()
        dialog.reject()

    run(answered(dialog, unfold))


def test_about_names_versions(run: Run) -> None:
    dialog = AboutDialog(Settings().replace(model_store=Path("/srv/archives")))
    assert "Python 3" in dialog.text.replace("Python: ", "Python ")
    assert "Model store: /srv/archives" in dialog.text
    assert run(answered(dialog, dialog.reject)) is False


def test_what_nobody_foresaw_is_shown_too(run: Run, engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    engine.error = RuntimeError("a slip")  # type: ignore[assignment]  # not an error the engine raises on purpose
    dialog = ScaleDialog(engine, [a_version()], BASE)

    async def fail() -> None:
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        dialog.submit()
        await until(dialog.banner.isVisible)
        assert "a slip" in dialog.banner.text.text()
        dialog.reject()
        await task

    run(fail())
    assert "a slip" in caplog.text


def test_what_the_workers_need_is_held_against_what_is_free(run: Run, engine: FakeEngine) -> None:
    engine.the_machine = Machine(5.0, 8, 900 * MB, 1000 * MB, (GpuSnapshot(0, "GPU", 8000 * MB, 7900 * MB, 3),))
    worker = a_worker(memory=90 * MB, gpu_memory=60 * MB)
    dialog = ScaleDialog(engine, [a_version(workers=(worker,), max_workers=9)], BASE)

    def count() -> None:
        assert not dialog.warning.isVisible()
        dialog.low.setValue(2)
        assert dialog.words.text().startswith("Starts 1 worker, about 90 MB each, about 60 MB each on the GPU.")
        assert not dialog.warning.isVisible()
        dialog.low.setValue(3)
        assert "about 180 MB more, but only 100 MB of memory is free" in dialog.warning.text()
        assert "about 120 MB more, but only 100 MB of GPU memory is free" in dialog.warning.text()
        assert dialog.accept_button.isEnabled()
        dialog.reject()

    run(answered(dialog, count))


def test_a_maximum_above_the_minimum_says_what_happens_by_itself(run: Run, engine: FakeEngine) -> None:
    dialog = ScaleDialog(engine, [a_version()], BASE)
    dialog.high.setValue(4)
    assert "Between 1 and 4, workers come one by one" in dialog.words.text()
    dialog.low.setValue(0)
    assert "no worker starts by itself" in dialog.words.text()
    run(answered(dialog, dialog.reject))


def test_several_versions_are_scaled_and_what_fails_is_named(run: Run, engine: FakeEngine) -> None:
    class Stubborn(FakeEngine):
        async def scale(self, name: str, version: str | None, **numbers: Any) -> str:
            if name == "signs":
                raise UnavailableError("No room.")
            return await super().scale(name, version, **numbers)

    engine = Stubborn()
    versions = [a_version(), a_version("signs"), a_version("denoiser")]
    dialog = ScaleDialog(engine, versions, BASE)
    assert dialog.windowTitle() == "Scale 3 versions"
    dialog.high.setValue(2)

    async def act() -> None:
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        dialog.submit()
        await until(dialog.banner.isVisible)
        assert dialog.banner.text.text() == "signs 1.0: No room."
        dialog.reject()
        await task

    run(act())
    assert [call[1] for call in engine.calls] == ["digits", "denoiser"]
    assert dialog.scaled == [versions[0], versions[2]]


def test_a_default_beside_others_is_not_offered_to_be_unregistered(run: Run, engine: FakeEngine) -> None:
    dialog = UnregisterDialog(engine, [a_version()], lambda _model: 2, BASE)
    assert not dialog.accept_button.isEnabled()
    assert "Make another version the default first" in dialog.words.text()
    run(answered(dialog, dialog.reject))


def test_what_came_by_url_is_said_to_be_deleted(run: Run, engine: FakeEngine) -> None:
    dialog = UnregisterDialog(engine, [a_version(url="https://a.example/digits.mar")], one_version, BASE)
    assert "came by URL and is deleted; undoing this downloads it again" in dialog.words.text()
    run(answered(dialog, dialog.reject))


def test_focus_begins_in_the_first_field_or_on_cancel(run: Run, engine: FakeEngine) -> None:
    scale = ScaleDialog(engine, [a_version()], BASE)
    unregister = UnregisterDialog(engine, [a_version()], one_version, BASE)

    def first(dialog: QDialog, widget: QWidget) -> None:
        assert dialog.focusWidget() is widget
        QTest.keyClick(dialog, Qt.Key.Key_Escape)

    assert run(answered(scale, lambda: first(scale, scale.low))) is False
    assert run(answered(unregister, lambda: first(unregister, unregister.cancel_button))) is False


def test_what_is_taller_than_the_screen_scrolls_above_the_buttons(run: Run, engine: FakeEngine) -> None:
    dialog = ScaleDialog(engine, [a_version()], BASE)

    async def grow() -> None:
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        for _ in range(100):
            dialog.form.addRow("More", QWidget(minimumHeight=20))
        await until(lambda: dialog._scroll.verticalScrollBar().maximum() > 0)
        assert dialog.height() <= dialog.screen().availableGeometry().height()
        dialog.reject()
        await task

    run(grow())


def test_words_come_before_the_curl_lines_of_which_many_scroll(run: Run, engine: FakeEngine) -> None:
    versions = [a_version(f"model{number}") for number in range(40)]

    async def look() -> None:
        dialog = UnregisterDialog(engine, versions, lambda _: 1, BASE)
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        below = dialog.disclosure.mapTo(dialog, QPoint(0, 0)).y()
        assert dialog.words.mapTo(dialog, QPoint(0, dialog.words.height())).y() <= below
        dialog.disclosure.toggle.click()
        lines = dialog.disclosure.lines
        line = dialog.disclosure.line.fontMetrics().lineSpacing()
        await until(lambda: lines.height() >= LINES * line)
        assert lines.height() <= (LINES + 1) * line
        assert lines.verticalScrollBar().maximum() > 0
        dialog.reject()
        await task

    run(look())
