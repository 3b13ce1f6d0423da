"""Paints the table of settings like every other table: a rule under each row, the value before the rest. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme
from gui.settings.model import IS_ALARM, KEY, VALUE
from gui.tables.delegates import paint_ground
from gui.words import DASH

START = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class SettingDelegate(QStyledItemDelegate):
    """A dash stands for an empty text."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, max(theme.ROW_HEIGHT, option.fontMetrics.height() + 3 * theme.GRID))

    @override
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = theme.tokens(option.palette)
        text = index.data()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        paint_ground(painter, option.rect, colours, selected=selected, alternate=False)
        font: QFont = index.data(Qt.ItemDataRole.FontRole) or option.font
        inner = option.rect.adjusted(theme.PADDING, 0, -theme.PADDING, -1)
        painter.setFont(font)
        ink = colours.text if text and index.column() in {KEY, VALUE} else colours.dim
        painter.setPen(colours.states[VersionState.FAILED] if index.data(IS_ALARM) else ink)
        words = painter.fontMetrics().elidedText(text or DASH, Qt.TextElideMode.ElideMiddle, inner.width())
        painter.drawText(inner, QStyle.visualAlignment(option.direction, START), words)
        painter.restore()
