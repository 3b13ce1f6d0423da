"""Walks a window by Tab as somebody without a mouse does. On the GUI thread."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QRadioButton, QWidget

# Longer than any window has controls.
MOST_STEPS = 200


def controls(root: QWidget) -> list[QWidget]:
    """Every visible, enabled widget of a window that Tab should reach."""
    return [widget for widget in root.findChildren(QWidget) if widget.window() is root and _takes_tab(widget)]


def _takes_tab(widget: QWidget) -> bool:
    by_tab = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus & ~Qt.FocusPolicy.ClickFocus)
    seen = widget.isVisible() and widget.isEnabled() and not widget.size().isEmpty()
    # Of radio buttons that exclude each other Tab reaches the checked one, and arrows the rest.
    is_other_choice = isinstance(widget, QRadioButton) and widget.autoExclusive() and not widget.isChecked()
    return by_tab and seen and widget.focusProxy() is None and not is_other_choice


def walk(root: QWidget, *, backwards: bool = False) -> list[QWidget]:
    """The controls in the order in which Tab reaches them, once round."""
    root.activateWindow()
    QTest.qWaitForWindowActive(root)
    first = root.focusWidget() or next(iter(controls(root)))
    first.setFocus(Qt.FocusReason.TabFocusReason)
    key = Qt.Key.Key_Backtab if backwards else Qt.Key.Key_Tab
    modifier = Qt.KeyboardModifier.ShiftModifier if backwards else Qt.KeyboardModifier.NoModifier
    met: list[QWidget] = []
    for _ in range(MOST_STEPS):
        at = QApplication.focusWidget()
        assert at is not None, "nothing has the focus"
        if met and at is met[0]:
            return met
        assert at not in met, f"the way leads back to {said(at)} and never round: {[said(widget) for widget in met]}"
        met.append(at)
        QTest.keyClick(at, key, modifier)
    raise AssertionError([said(widget) for widget in met])


def name(widget: QWidget) -> str:
    """What a screen reader calls it."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface else ""


def said(widget: QWidget) -> str:
    """A control in a failure's words."""
    return f"{type(widget).__name__} “{name(widget)}”"


def nameless(widgets: list[QWidget]) -> list[str]:
    """Controls that a screen reader has no name for."""
    return [
        f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}" for widget in widgets if not name(widget)
    ]


def backward_steps(met: list[QWidget], root: QWidget) -> list[str]:
    """Steps between neighbours in one box that go up, or left within a line; the step that comes round is none."""
    start = min(range(len(met)), key=lambda at: (_place(met[at], root).top(), _place(met[at], root).left()))
    ordered = [widget for widget in met[start:] + met[:start] if not widget.size().isEmpty()]
    steps = [(a, b) for a, b in pairwise(ordered) if a.parent() is b.parent() and _is_back(a, b, root)]
    return [f"{said(a)} at {_place(a, root)} to {said(b)} at {_place(b, root)}" for a, b in steps]


def _place(widget: QWidget, root: QWidget) -> QRect:
    return QRect(widget.mapTo(root, QPoint(0, 0)), widget.size())


def _is_back(before: QWidget, after: QWidget, root: QWidget) -> bool:
    was, now = _place(before, root), _place(after, root)
    if now.bottom() <= was.top():
        return now.left() <= was.right()
    in_line = now.top() < was.bottom() and was.top() < now.bottom()
    return in_line and now.right() <= was.left()


def for_the_mouse_alone(root: QWidget) -> list[str]:
    """Buttons that Tab does not reach, but for those inside a line of text, which has keys for the same."""
    buttons = [button for button in root.findChildren(QAbstractButton) if button.window() is root]
    return [
        said(button)
        for button in buttons
        if button.isVisible()
        and button.isEnabled()
        and not button.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(button.parentWidget(), QLineEdit)
        and not (button.shortcut() and not button.shortcut().isEmpty())
    ]
