"""Who may call: whether callers need tokens and why, and the tokens themselves, masked until asked for. GUI thread."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget
from typing_extensions import override

from engine.tokens import TokenInfo, TokenKind, tokens_wanted
from gui import theme
from gui.widgets.basics import Button, Caption, Label
from gui.words import counted, tr

if TYPE_CHECKING:
    from engine.settings import Settings
    from gui.face import HostFace

TICK_MS = 1000
MINUTE, HOUR = 60, 3600
SWITCH = "disable_token_authorization"
MASK = QLineEdit.EchoMode.Password


class TokenRow(QWidget):
    """The controls of one token, put into a grid by `AccessPage`. Signals: `renew_wanted`."""

    renew_wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = Label(name)
        self.field = QLineEdit()
        self.field.setReadOnly(True)
        self.field.setEchoMode(MASK)
        self.field.setAccessibleName(name)
        self.expiry = Caption()
        self.expiry.setContentsMargins(0, 0, 0, 2 * theme.GRID)
        self.show_button, self.copy, self.renew = Button(tr("Show")), Button(tr("Copy")), Button(tr("Renew"))
        for button in (self.show_button, self.copy, self.renew):
            button.setAutoDefault(False)
            button.setAccessibleDescription(name)
        self.show_button.clicked.connect(self._toggle)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.field.text()))
        self.renew.clicked.connect(self.renew_wanted)

    def _toggle(self) -> None:
        masked = self.field.echoMode() is MASK
        self.field.setEchoMode(QLineEdit.EchoMode.Normal if masked else MASK)
        self.show_button.setText(tr("Hide") if masked else tr("Show"))
        self.show_button.setAccessibleName(self.show_button.text())

    def show_token(self, token: TokenInfo, now: datetime) -> None:
        """Show this token, masked as before, and when it ends."""
        if self.field.text() != token.key:
            self.field.setText(token.key)
            self.field.setCursorPosition(0)
        self.expiry.setText(expiry_words(token, now))
        self.renew.setVisible(token.kind is not None)


class AccessPage(QWidget):
    """Reads the host's tokens while it is seen. Signals: `renew_wanted` with the kind of a token."""

    renew_wanted = Signal(object)

    def __init__(self, host: HostFace) -> None:
        super().__init__()
        self._host = host
        self.state, self.reason = Label(), Caption(wraps=True)
        self.state.setFont(theme.semibold(self.state.font()))
        self.place = Label(selectable=True)
        self.place.setWordWrap(True)
        self.place.setAccessibleName(tr("Key file"))
        self.rows = {
            TokenKind.MANAGEMENT: TokenRow(tr("Management")),
            TokenKind.INFERENCE: TokenRow(tr("Inference")),
            None: TokenRow(tr("Key that renews")),
        }
        self._known = QWidget()
        self._lay_out()
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self.show_tokens)
        for kind, row in self.rows.items():
            row.renew_wanted.connect(lambda kind=kind: self.renew_wanted.emit(kind))
        self.show_tokens()

    def _lay_out(self) -> None:
        grid = QGridLayout(self._known)
        grid.setContentsMargins(0, 3 * theme.GRID, 0, 0)
        grid.setHorizontalSpacing(2 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID)
        grid.setColumnStretch(1, 1)
        for place, row in enumerate(self.rows.values()):
            for across, widget in enumerate((row.name, row.field, row.show_button, row.copy, row.renew)):
                grid.addWidget(widget, 2 * place, across)
            grid.addWidget(row.expiry, 2 * place + 1, 1, 1, 4)
        grid.addWidget(Label(tr("Key file")), 2 * len(self.rows), 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.place, 2 * len(self.rows), 1, 1, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for widget in (self.state, self.reason, self._known):
            column.addWidget(widget)
        column.addStretch()

    def show_tokens(self) -> None:
        """Show what is in force now."""
        tokens, settings = self._host.tokens(), self._host.settings
        self.state.setText(tr("Callers need a token") if tokens_wanted(settings) else tr("Callers need no token"))
        self.reason.setText(reason(settings))
        self._known.setVisible(bool(tokens))
        self.place.setText(str(self._host.key_file or ""))
        now = datetime.now(UTC)
        for token in tokens:
            self.rows[token.kind].show_token(token, now)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.show_tokens()
        self._tick.start()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._tick.stop()


def reason(settings: Settings) -> str:
    """Say why callers need tokens or not, and which setting changes that."""
    source = settings.source(SWITCH)
    if settings.disable_token_authorization:
        return tr("The setting disable_token_authorization is true ({source}).").format(source=source)
    beyond = [str(address) for address in settings.calling_addresses if not address.is_loopback]
    if beyond:
        return tr("Other machines reach {addresses}.").format(addresses=", ".join(beyond))
    if tokens_wanted(settings):
        return tr("The setting disable_token_authorization is false ({source}).").format(source=source)
    return tr(
        "Only programs of this machine reach the addresses. Tokens come into force when an address under Server is "
        "open to the network, or when a configuration file, an option or a variable sets "
        "disable_token_authorization to false."
    )


def expiry_words(token: TokenInfo, now: datetime) -> str:
    """Say when a token ends: "Expires in 42 minutes"."""
    if token.expires is None and token.kind is not None:
        return tr("Never expires, and is kept over restarts.")
    if token.expires is None:
        return tr("Renews the other two over REST, and never expires.")
    seconds = int((token.expires - now).total_seconds())
    if seconds <= 0:
        return tr("Expired. It opens nothing any more.")
    if seconds < MINUTE:
        return tr("Expires in less than a minute")
    if seconds < 2 * HOUR:
        return counted(seconds // MINUTE, "Expires in %n minute", "Expires in %n minutes")
    return counted(seconds // HOUR, "Expires in %n hour", "Expires in %n hours")
