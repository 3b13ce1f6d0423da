from __future__ import annotations

import functools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest

from engine.snapshots import Key, VersionState
from engine.tokens import TokenInfo, TokenKind
from gui import sample
from gui.panels.selection import Selection
from gui.panels.try_it import ANSWER, HISTORY, TryIt, name_of
from gui.tryit import snippets
from gui.tryit.answer import Answer, Failure
from gui.tryit.request import Draft, Part, Source
from gui.tryit.sending import send
from gui.window import Window
from tests.gui.fakes import a_version, until
from tests.support.model_server import PNG, REASON, model_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from engine.snapshots import VersionSnapshot
    from gui.theme import Theme
    from tests.gui.fakes import FakeEngine, FakeHost, Run
    from tests.support.model_server import ModelServer

    Body = Callable[[TryIt, ModelServer], Awaitable[None]]
    Drive = Callable[[Body], None]

SECRET = {"Authorization": "Bearer secret"}


class Version:
    def __init__(self, snapshot: VersionSnapshot) -> None:
        self.snapshot = snapshot


def select(page: TryIt, server: ModelServer, version: str, **changed: Any) -> None:
    anything: Any = Version(a_version("digits", version, **changed))
    page.show_selection(Selection(anything, anything, {"inference": server.url}))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.glob("marina-answer-*")), "a temporary file was left"


@pytest.fixture
def drive(run: Run, host: FakeHost, theme: Theme) -> Drive:
    """Shows the page beside a server, lets a test use it, and closes both."""
    assert theme

    async def with_page(body: Body) -> None:
        async with model_server() as server:
            host.headers = SECRET
            page = TryIt(host)
            page.resize(1200, 360)
            page.show()
            try:
                await body(page, server)
                assert not page.grab().isNull()
            finally:
                await page.aclose()
                page.close()
                page.deleteLater()

    return lambda body: run(with_page(body))


async def ask(page: TryIt, server: ModelServer, kind: str, draft: Draft | None = None) -> None:
    """Select the version that answers so, send, and wait until the answer is shown."""
    select(page, server, kind)
    page.composer.show_draft(draft or Draft(Source.TEXT, text='{"a": 1}'))
    sent = len(page.desk.history)
    page.send()
    assert not page.send_button.isEnabled()
    await until(lambda: len(page.desk.history) > sent and page.send_button.isEnabled())


def dropped(*urls: str, text: str = "") -> QDropEvent:
    mime = QMimeData()
    if urls:
        mime.setUrls([QUrl(url) for url in urls])
    else:
        mime.setText(text)
    modifiers, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, button, modifiers)
    event.kept = mime  # type: ignore[attr-defined]  # Qt does not own it
    return event


def test_json_is_shown_as_a_tree(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "json")
        await until(lambda: page.answer.body.currentWidget() is page.answer.json)
        assert page.answer.status.text == "200 OK"
        assert server.requests[0][0]["authorization"] == "Bearer secret"
        assert "application/json" in page.answer.facts.text()

    drive(body)


@pytest.mark.parametrize(
    ("kind", "page_name"), [("image", "image"), ("wav", "wave"), ("text", "text"), ("bytes", "text")]
)
def test_each_kind_has_its_own_face(drive: Drive, kind: str, page_name: str) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, kind)
        await until(lambda: page.answer.body.currentWidget() is getattr(page.answer, page_name))
        assert page.answer.player.isVisible() is (kind == "wav")
        page.answer.headers_toggle.click()
        assert "Content-Type" in page.answer.headers.toPlainText()

    drive(body)


def test_an_error_says_what_the_server_says_and_what_helps(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "error")
        await until(lambda: "no worker\n" in page.answer.help.text())
        assert page.answer.help.text() == f"no worker\n{REASON}"
        assert page.answer.status.state is VersionState.FAILED

    drive(body)


def test_an_empty_answer_has_nothing_to_save(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "empty")
        assert not page.answer.save.isEnabled()

    drive(body)


def test_a_stream_is_shown_while_it_comes(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "stream")
        page.composer.show_draft(Draft(Source.TEXT))
        page.send()
        await until(lambda: page.answer.text.toPlainText() == "first ")
        assert page.answer.status.text == "Receiving"
        server.gate.set()
        await until(lambda: page.answer.status.text == "200 OK")
        await until(lambda: page.answer.text.toPlainText() == "first second")

    drive(body)


def test_waiting_tells_the_time_and_can_be_cancelled(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "slow")
        page.composer.show_draft(Draft(Source.TEXT))
        page.send()
        await until(lambda: page.answer.facts.text().endswith(" s"))
        await server.waiting.wait()
        select(page, server, "json")
        assert page.answer.status.text == ""
        select(page, server, "slow")
        assert page.answer.status.text == "Waiting for the answer"
        page.cancel_button.click()
        await until(lambda: page.answer.status.text == "Cancelled")
        assert page.send_button.isEnabled()
        assert not page._tick.isActive()

    drive(body)


def test_closing_ends_what_runs(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "slow")
        page.composer.show_draft(Draft(Source.TEXT))
        page.send()
        await server.waiting.wait()

    drive(body)


def test_no_server_is_said_before_and_after_sending(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        working, server.url = server.url, ""
        select(page, server, "json")
        page.composer.show_draft(Draft(Source.TEXT))
        page.send()
        assert page.send_button.toolTip() == "The server does not run"
        server.url = "http://127.0.0.1:1"
        await ask(page, server, "json")
        assert "Nothing answers" in page.answer.help.text()
        server.url = working
        select(page, server, "json")
        assert working in page.address.text()

    drive(body)


def test_what_was_composed_is_kept_for_each_version(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "one")
        page.composer.sources.setCurrentIndex(1)
        QTest.keyClicks(page.composer.text, "for one")
        select(page, server, "two")
        assert page.composer.draft == Draft()
        select(page, server, "one")
        assert page.composer.draft.text == "for one"

    drive(body)


def test_the_keyboard_sends_and_tab_leaves_the_editor(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "text")
        page.composer.show_draft(Draft(Source.TEXT, text="x"))
        page.activateWindow()
        page.composer.text.setFocus()
        await until(page.composer.text.hasFocus)
        QTest.keyClick(page.composer.text, Qt.Key.Key_Tab)
        assert page.composer.text.toPlainText() == "x"
        page.composer.text.setFocus()
        QTest.keyClick(page.composer.text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: len(page.desk.history) == 1)

    drive(body)


def test_the_mistake_in_json_is_named_as_one_types(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "json")
        page.composer.sources.setCurrentIndex(1)
        page.composer.text.setPlainText('{"a": }')
        await until(lambda: "column 7" in page.composer.words.text())
        assert page.composer.content_type.itemText(0) == "Automatic: application/json"
        assert page.send_button.isEnabled()
        page.composer.headers.setPlainText("nonsense")
        await until(lambda: "no header" in page.composer.words.text())
        assert not page.send_button.isEnabled()

    drive(body)


def test_parts_are_added_filled_and_removed(drive: Drive, tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(PNG)

    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "json")
        parts = page.composer.parts
        page.composer.sources.setCurrentIndex(2)
        parts.add_button.click()
        parts.rows[0].text.setText("hello")
        parts.add_button.click()
        page.dropEvent(dropped(path.as_uri()))
        parts.rows[1].remove.click()
        sent = (Part("data", "hello"), Part("seven", path=path, is_file=True))
        assert page.composer.draft.parts == sent
        await ask(page, server, "json", page.composer.draft)
        assert server.requests[0][1] == [("data", None, b"hello"), ("seven", "seven.png", PNG)]

    drive(body)


def test_files_and_text_may_be_dropped_and_archives_are_the_windows(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "json")
        page.dropEvent(dropped("file:///a/seven.png"))
        assert page.composer.draft.path == Path("/a/seven.png")
        assert page.send_button.isEnabled()
        page.dropEvent(dropped("https://example.org/seven.png"))
        assert "Only files" in page.note.text()
        page.dropEvent(dropped(text="[1]"))
        assert page.composer.draft.text == "[1]"
        for name, taken in (("digits.mar", False), ("seven.png", True)):
            mime = QMimeData()
            mime.setUrls([QUrl(f"file:///a/{name}")])
            buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
            event = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, modifiers)
            page.dragEnterEvent(event)
            assert event.isAccepted() is taken

    drive(body)


def test_the_history_shows_an_exchange_again_and_forgets(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        wanted: list[Key] = []
        page.wanted.connect(wanted.append)
        page.wanted.connect(lambda key: select(page, server, key.version))
        await ask(page, server, "text", Draft(Source.TEXT, text="first"))
        await ask(page, server, "text", Draft(Source.TEXT, text="second"))
        await ask(page, server, "json")
        page.pages.setCurrentIndex(HISTORY)
        table = page.history.table
        assert page.history.model.rowCount() == 3
        first = page.history.model.rows.record(0)
        page.history.chosen.emit(first)
        assert (page.pages.currentIndex(), wanted) == (ANSWER, [Key("digits", "text")])
        assert page.composer.draft.text == "first"
        await until(lambda: page.answer.text.toPlainText() == "seven")
        table.clicked.emit(table.model().index(0, 0))
        page.history.clear_button.click()
        assert page.history.model.rowCount() == 0
        assert page.answer.status.text == ""

    drive(body)


def test_an_exchange_of_a_version_that_is_gone_says_so(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "text")
        select(page, server, "json")
        page.see_again(page.history.model.rows.record(0))
        assert "not registered any more" in page.note.text()

    drive(body)


def test_the_request_is_copied_without_its_token(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        select(page, server, "json")
        page.composer.show_draft(Draft(Source.TEXT, text="{}"))
        for action in page.copy_menu.actions():
            action.trigger()
            copied = QGuiApplication.clipboard().text()
            assert copied.startswith(snippets.NOTE)
            assert "secret" not in copied
        assert "TOKEN" in page.note.text()

    drive(body)


def test_an_answer_is_saved_whole_and_a_failure_is_told(drive: Drive, tmp_path: Path) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "image")
        outcome = page.desk.history.latest(Key("digits", "image"))
        assert outcome is not None
        assert isinstance(outcome.outcome, Answer)
        assert name_of(outcome.outcome) == "answer.png"
        target = tmp_path / "saved.png"
        page.desk.save(outcome.outcome, target, page._say)
        await until(lambda: target.exists() and target.read_bytes() == PNG)
        page.desk.save(outcome.outcome, tmp_path / "no" / "folder", page._say)
        await until(lambda: "cannot be written" in page.note.text())

    drive(body)


def test_a_sound_is_handed_to_the_systems_player(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "wav")
        exchange = page.desk.history.latest(Key("digits", "wav"))
        assert exchange is not None
        assert isinstance(exchange.outcome, Answer)
        played: list[bytes] = []
        page.desk.play(exchange.outcome, lambda path: played.append(path.read_bytes()))
        await until(lambda: played == [exchange.outcome.body])  # type: ignore[union-attr]  # asserted above

    drive(body)


def test_a_large_answer_says_where_it_is_and_its_file_goes_with_the_page(
    drive: Drive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gui.tryit.desk.send", functools.partial(send, most=1000))

    def left() -> list[Path]:
        return list(tmp_path.glob("marina-answer-*"))

    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "large")
        await until(lambda: "temporary file" in page.answer.kind.text())
        assert len(page.answer.text.toPlainText()) == 1000
        assert left()

    drive(body)


def test_failures_have_no_content_to_open(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "json", Draft(Source.FILE, Path("/not/there.png")))
        exchange = page.desk.history.latest(Key("digits", "json"))
        assert exchange is not None
        assert isinstance(exchange.outcome, Failure)
        assert page.answer.help.text().startswith("/not/there.png cannot be read")

    drive(body)


def test_the_window_opens_the_page_by_its_action_and_closes_it(
    run: Run, theme: Theme, host: FakeHost, engine: FakeEngine
) -> None:
    async def body() -> None:
        await host.start()
        window = Window(host, theme)
        window.show()
        window.show_running()
        try:
            assert not window.actions_.try_it.isEnabled()
            engine.put(a_version())
            await until(lambda: bool(len(window.catalog.models)))
            window.browser.choose("digits")
            window.actions_.try_it.trigger()
            assert window.details.try_it.isVisible()
            assert window.details.try_it.address.text().endswith("/predictions/digits/1.0")
        finally:
            window.show_stopping()
            await window.aclose()
            window.hide()
            window.deleteLater()

    run(body())


def answered(page: TryIt, count: int) -> bool:
    return len(page.desk.history) == count and page.send_button.isEnabled()


def test_the_sample_is_tried_with_one_click(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        button = page.composer.file_page.sample
        select(page, server, "1.0")
        assert button.isHidden()
        select(page, server, "json", url="digits.mar", handler="digits_handler.py")
        for count, path in enumerate(sample.INPUTS[:2], 1):
            button.click()
            await until(functools.partial(answered, page, count))
            assert server.requests[-1][1] == path.read_bytes()
            assert server.requests[-1][0]["content-type"] == "image/png"

    drive(body)


def test_an_expired_token_is_renewed_only_when_asked(drive: Drive, host: FakeHost) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        host.known = (TokenInfo(TokenKind.INFERENCE, "old", datetime.now(UTC) - timedelta(minutes=1)),)
        select(page, server, "json")
        page.composer.show_draft(Draft(Source.TEXT, text="{}"))
        page.send()
        assert page.expired.isVisible()
        assert server.requests == []
        assert host.calls == []
        page.expired.renew.click()
        await until(lambda: len(page.desk.history) == 1)
        assert server.requests[0][0]["authorization"] == "Bearer fresh-inference"
        assert not page.expired.isVisible()

    drive(body)


def test_a_token_of_ones_own_is_sent_as_it_is(drive: Drive, host: FakeHost) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        host.known = (TokenInfo(TokenKind.INFERENCE, "old", datetime.now(UTC) - timedelta(minutes=1)),)
        await ask(page, server, "json", Draft(Source.TEXT, text="{}", headers="Authorization: Bearer mine"))
        assert server.requests[0][0]["authorization"] == "Bearer mine"

    drive(body)


def test_a_renewal_that_fails_is_told(drive: Drive, host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: TokenKind) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(host, "renew", fail)

    async def body(page: TryIt, server: ModelServer) -> None:
        host.known = (TokenInfo(TokenKind.INFERENCE, "old", datetime.now(UTC) - timedelta(minutes=1)),)
        select(page, server, "json")
        page.composer.show_draft(Draft(Source.TEXT, text="{}"))
        page.send()
        page.expired.renew.click()
        await until(page.note.isVisible)
        assert "disk full" in page.note.text()
        assert server.requests == []

    drive(body)


def test_the_status_is_beside_the_tabs_of_the_answer_alone(drive: Drive) -> None:
    async def body(page: TryIt, server: ModelServer) -> None:
        await ask(page, server, "json")
        assert page.answer.head.isVisible()
        page.pages.setCurrentIndex(HISTORY)
        assert not page.answer.head.isVisible()

    drive(body)
