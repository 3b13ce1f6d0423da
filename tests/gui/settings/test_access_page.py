from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit

from engine.settings import Address, Settings
from engine.tokens import TokenInfo, TokenKind
from gui.settings.access_page import AccessPage, expiry_words, reason

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.theme import Theme
    from tests.gui.fakes import FakeHost

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WIDE = Address("http", "0.0.0.0", 8080)
ON = Settings(sources={"disable_token_authorization": "--disable-token-auth"})


def shown(host: FakeHost, qtbot: QtBot) -> AccessPage:
    page = AccessPage(host)
    qtbot.addWidget(page)
    page.show()
    return page


@pytest.mark.usefixtures("theme")
def test_without_tokens_it_says_why_and_what_brings_them(host: FakeHost, qtbot: QtBot) -> None:
    page = shown(host, qtbot)
    assert page.state.text() == "Callers need no token"
    assert "Only programs of this machine" in page.reason.text()
    assert not page.rows[TokenKind.INFERENCE].field.isVisible()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (ON, "is false (--disable-token-auth)"),
        (Settings(disable_token_authorization=True), "is true"),
        (Settings(inference_address=WIDE), "Other machines reach http://0.0.0.0:8080."),
        (Settings(), "open to the network"),
    ],
)
def test_each_reason_names_what_decides(settings: Settings, told: str) -> None:
    assert told in reason(settings)


def test_a_token_is_masked_until_asked_for_and_can_be_copied(host: FakeHost, qtbot: QtBot, theme: Theme) -> None:
    assert theme is not None
    host.settings = Settings(inference_address=WIDE)
    host.known = (TokenInfo(TokenKind.INFERENCE, "secret", datetime.now(UTC) + timedelta(hours=5)),)
    page = shown(host, qtbot)
    row = page.rows[TokenKind.INFERENCE]
    assert page.state.text() == "Callers need a token"
    assert row.field.displayText() != "secret"
    assert page.place.text() == "/run/marina/key_file.json"
    row.show_button.click()
    assert row.field.displayText() == "secret"
    assert row.show_button.text() == "Hide"
    row.show_button.click()
    assert row.field.echoMode() is QLineEdit.EchoMode.Password
    row.copy.click()
    assert QGuiApplication.clipboard().text() == "secret"


def test_only_what_expires_can_be_renewed(host: FakeHost, qtbot: QtBot, theme: Theme) -> None:
    assert theme is not None
    host.known = (TokenInfo(TokenKind.MANAGEMENT, "secret", NOW), TokenInfo(None, "renewing"))
    page = shown(host, qtbot)
    asked: list[TokenKind] = []
    page.renew_wanted.connect(asked.append)
    page.rows[TokenKind.MANAGEMENT].renew.click()
    assert asked == [TokenKind.MANAGEMENT]
    assert not page.rows[None].renew.isVisible()


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(seconds=-1), "Expired. It opens nothing any more."),
        (timedelta(seconds=30), "Expires in less than a minute"),
        (timedelta(seconds=61), "Expires in 1 minute"),
        (timedelta(minutes=90), "Expires in 90 minutes"),
        (timedelta(hours=5), "Expires in 5 hours"),
    ],
)
def test_when_a_token_ends_is_said_in_words(left: timedelta, words: str) -> None:
    assert expiry_words(TokenInfo(TokenKind.INFERENCE, "x", NOW + left), NOW) == words


def test_the_key_that_renews_never_ends() -> None:
    assert "never expires" in expiry_words(TokenInfo(None, "x"), NOW)
