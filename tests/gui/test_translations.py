from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTranslator
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QMenu, QTabBar
from typing_extensions import override

from engine.snapshots import VersionState
from gui.dialogs.about import AboutDialog
from gui.dialogs.settings import SettingsDialog
from gui.palette.popup import Palette
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_version, until
from tests.support import texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from gui.theme import Theme
    from tests.gui.fakes import Run

# Given to `tr` as values, whose texts are literals elsewhere, or words of the engine.
AS_VALUES = {
    "level.name.capitalize()",
    "part.kind.value",
    "self._step.phase.capitalize()",
    "self.plan().problem()",
    "self.setting.help",
    "self.setting.unit",
    "step.phase.capitalize()",
    "one if n == 1 else many",
    "name",
    "title",
    "tip",
    "text",
    "name.capitalize()",
    "name[:1].upper() + name[1:]",
    "state.value.capitalize()",
}
# What stays as it is in every language: data, names, and what is made of signs alone.
DATA = re.compile(
    r"\tCtrl\+\w+|curl .*|\S*(/|127\.0\.0\.1)\S*|(digits|denoiser)(\.mar)?|image_classifier|inference_address"
    r"|Python|PySide6|Qt|torch|aiohttp|POST|Apache-2\.0|Linux-\S+| for |[GM]B|cpu|\bpython\b",
    re.DOTALL,
)
WORD = re.compile(r"[^\W\d_]{3,}")


class Marking(QTranslator):
    """Puts every text in brackets, so that what was never translated can be seen."""

    @override
    def isEmpty(self) -> bool:
        return False

    @override
    def translate(self, context: str, sourceText: str, disambiguation: str | None = None, n: int = -1) -> str:
        return f"[{sourceText}]" if context == "Marina" else ""


@pytest.fixture
def marking(qapp: QApplication) -> Iterator[None]:
    translator = Marking()
    QCoreApplication.installTranslator(translator)
    yield
    QCoreApplication.removeTranslator(translator)
    assert qapp is not None


@pytest.fixture
def mirrored(qapp: QApplication) -> Iterator[None]:
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def shown_texts(root: QWidget) -> Iterator[str]:
    for label in root.findChildren(QLabel):
        yield label.text()
    for button in root.findChildren(QAbstractButton):
        yield button.text()
    for bar in root.findChildren(QTabBar):
        yield from (bar.tabText(index) for index in range(bar.count()))
    for action in root.findChildren(QAction):
        yield action.text()
    for menu in root.findChildren(QMenu):
        yield menu.title()


def unmarked(root: QWidget) -> list[str]:
    """Texts with words outside the brackets that are no data."""
    left = (DATA.sub("", re.sub(r"\[.*\]", "", text, flags=re.DOTALL)) for text in shown_texts(root))
    return sorted({text for text in left if WORD.search(text)})


async def opened(host: FakeHost, engine: FakeEngine, theme: Theme) -> Window:
    engine.put(a_version(), a_version("denoiser", "0.9", state=VersionState.FAILED))
    await host.start()
    window = Window(host, theme)
    window.show()
    window.show_running()
    window.browser.choose("digits", "1.0")
    return window


async def closed(window: Window) -> None:
    await window.aclose()
    window.hide()
    window.deleteLater()
    await asyncio.sleep(0)


def test_every_word_that_is_shown_goes_through_the_translation() -> None:
    assert list(texts.untranslated()) == []


def test_what_is_translated_can_be_read_out_of_the_source() -> None:
    strangers = {(module, given) for module, given in texts.not_literal() if given not in AS_VALUES}
    assert strangers == set()


def test_the_file_for_translators_holds_every_text_once() -> None:
    root = ET.fromstring(texts.linguist())  # our own text
    sources = [message.findtext("source") for message in root.iter("message")]
    assert len(sources) == len(set(sources))
    assert {text.text for text in texts.texts()} == set(sources)
    assert root.findtext("context/name") == "Marina"
    numerus = {message.findtext("source") for message in root.iter("message") if message.get("numerus")}
    assert "%n model failed" in numerus


@pytest.mark.usefixtures("marking")
def test_in_another_language_no_label_of_the_window_stays_behind(
    run: Run, host: FakeHost, engine: FakeEngine, theme: Theme
) -> None:
    async def body() -> None:
        window = await opened(host, engine, theme)
        for page in range(window.details.tabs.count()):
            window.details.tabs.setCurrentIndex(page)
        left = unmarked(window)
        await closed(window)
        assert left == []

    run(body())


@pytest.mark.usefixtures("marking")
def test_in_another_language_no_label_of_the_dialogs_stays_behind(
    run: Run, host: FakeHost, engine: FakeEngine, theme: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARINA_HOME", str(tmp_path))

    async def body() -> None:
        window = await opened(host, engine, theme)
        actions = window.actions_
        left = {}
        for action in (actions.settings, actions.about, actions.register, actions.scale, actions.unregister):
            action.trigger()
            await until(lambda: any(dialog.isVisible() for dialog in window.findChildren(QDialog)))
            dialog = next(dialog for dialog in window.findChildren(QDialog) if dialog.isVisible())
            left[type(dialog).__name__] = unmarked(dialog)
            assert dialog.windowTitle().startswith("[")
            dialog.reject()
            await until(lambda: not any(dialog.isVisible() for dialog in window.findChildren(QDialog)))
        await closed(window)
        assert {name: words for name, words in left.items() if words} == {}
        assert {SettingsDialog.__name__, AboutDialog.__name__} <= set(left)

    run(body())


@pytest.mark.usefixtures("mirrored")
def test_the_window_can_be_mirrored(run: Run, host: FakeHost, engine: FakeEngine, theme: Theme) -> None:
    async def body() -> None:
        window = await opened(host, engine, theme)
        for page in range(window.details.tabs.count()):
            window.details.tabs.setCurrentIndex(page)
            assert not window.grab().isNull()
        sidebar, table = window.sidebar, window.browser
        assert sidebar.mapTo(window, sidebar.rect().center()).x() > table.mapTo(window, table.rect().center()).x()
        window.actions_.palette.trigger()
        assert not window.findChildren(Palette)[0].grab().isNull()
        await closed(window)

    run(body())
