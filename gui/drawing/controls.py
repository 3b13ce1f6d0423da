"""Draws the controls: each function takes a painter with smooth edges, which it need not restore, and Qt's option.

Colours come from the option's palette, which knows the scheme and whether the control can be used. The GUI thread.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QStyle,
    QStyleOption,
    QStyleOptionComboBox,
    QStyleOptionComplex,
    QStyleOptionSlider,
    QStyleOptionSpinBox,
)

from gui.drawing import places

RADIUS = 6
BOX_RADIUS = 3
HOVER = 106
TICK = ((0.25, 0.52), (0.43, 0.70), (0.75, 0.32))
STROKE = 1.5
ICON = 16
ICON_RATIOS = (1, 2, 3)
REST, HELD = 0.45, 0.8

_Role = QPalette.ColorRole
_State = QStyle.StateFlag
_Part = QStyle.SubControl


def field(painter: QPainter, option: QStyleOption) -> None:
    """The ground and the edge of something to type in."""
    _rounded(painter, option.rect, _edge(option), option.palette.color(_field_ground(option)))


def bare_field(painter: QPainter, option: QStyleOption) -> None:
    """The ground of a field without an edge, such as the one inside a spin box."""
    painter.fillRect(option.rect, option.palette.color(_field_ground(option)))


def area_frame(painter: QPainter, option: QStyleOption) -> None:
    """The same around a text area, whose own ground lies in it."""
    _rounded(painter, option.rect, _edge(option), option.palette.color(_Role.Base))


def popup_frame(painter: QPainter, option: QStyleOption) -> None:
    """A hairline round a window without corners to spare."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
    painter.setPen(option.palette.color(_Role.Mid))
    painter.drawRect(option.rect.adjusted(0, 0, -1, -1))


def menu(painter: QPainter, option: QStyleOption) -> None:
    """The ground of a menu."""
    painter.fillRect(option.rect, option.palette.color(_Role.Window))
    popup_frame(painter, option)


def menu_highlight(painter: QPainter, option: QStyleOption) -> None:
    """The ground of the item of a menu that Enter would choose."""
    colour = option.palette.color(_Role.Highlight)
    _rounded(painter, option.rect, colour, colour, BOX_RADIUS)


def tip(painter: QPainter, option: QStyleOption) -> None:
    """The ground of a tool tip."""
    painter.fillRect(option.rect, option.palette.color(_Role.ToolTipBase))
    popup_frame(painter, option)


def button(painter: QPainter, option: QStyleOption) -> None:
    """The ground and the edge of a button."""
    _rounded(painter, option.rect, _edge(option), _pressable(option))


def tool_button(painter: QPainter, option: QStyleOption) -> None:
    """The ground of a tool button, seen under the pointer and while it is held or on."""
    if option.state & (_State.State_MouseOver | _State.State_Sunken | _State.State_On):
        _rounded(painter, option.rect, option.palette.color(_Role.Mid), _pressable(option))


def focus_ring(painter: QPainter, option: QStyleOption) -> None:
    """Round whatever has the focus."""
    _rounded(painter, option.rect, option.palette.color(_Role.Accent), None, BOX_RADIUS)


def check_box(painter: QPainter, option: QStyleOption) -> None:
    """The box of a check box: filled with the accent under its tick, a dash when it is half on."""
    square = QRectF(option.rect)
    ink = _mark_ground(painter, option, BOX_RADIUS)
    painter.setPen(_stroke(ink, STROKE * square.height() / 14))
    if option.state & _State.State_On:
        painter.drawPolyline(QPolygonF([_within(square, x, y) for x, y in TICK]))
    elif option.state & _State.State_NoChange:
        painter.drawLine(_within(square, 0.25, 0.5), _within(square, 0.75, 0.5))


def radio_button(painter: QPainter, option: QStyleOption) -> None:
    """The circle of a radio button, with a dot when it is the chosen one."""
    circle = QRectF(option.rect)
    ink = _mark_ground(painter, option, circle.height() / 2)
    if option.state & _State.State_On:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(circle.center(), circle.width() / 5, circle.height() / 5)


def combo_box(painter: QPainter, option: QStyleOptionComboBox) -> None:
    """A button with a chevron, or a field with one when it can be typed in."""
    if option.frame:
        ground = option.palette.color(_field_ground(option)) if option.editable else _pressable(option)
        _rounded(painter, option.rect, _edge(option), ground)
    _chevron(painter, places.combo_arrow(option), (0, 1), _ink(option))


def spin_box(painter: QPainter, option: QStyleOptionSpinBox) -> None:
    """A field with a chevron up and one down; a step that cannot be taken is faint."""
    if option.frame:
        field(painter, option)
    if option.buttonSymbols is QAbstractSpinBox.ButtonSymbols.NoButtons:
        return
    enabled = QAbstractSpinBox.StepEnabledFlag
    up, down = places.spin_steps(option)
    for part, place, towards, can in (
        (_Part.SC_SpinBoxUp, up, -1, enabled.StepUpEnabled),
        (_Part.SC_SpinBoxDown, down, 1, enabled.StepDownEnabled),
    ):
        ink = _ink(option, lit=_is_lit(option, part)) if option.stepEnabled & can else option.palette.color(_Role.Mid)
        _chevron(painter, place, (0, towards), ink)


def scroll_bar(painter: QPainter, option: QStyleOptionSlider) -> None:
    """The handle alone, darker under the pointer and while it is held."""
    if option.maximum <= option.minimum or not option.state & _State.State_Enabled:
        return
    colour = option.palette.color(_Role.PlaceholderText)
    colour.setAlphaF(HELD if _is_lit(option, _Part.SC_ScrollBarSlider) else REST)
    handle = QRectF(places.in_scroll_bar(option, _Part.SC_ScrollBarSlider)).adjusted(2, 2, -2, -2)
    radius = min(handle.width(), handle.height()) / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(handle, radius, radius)


def splitter(painter: QPainter, option: QStyleOption) -> None:
    """A hairline in the middle, in the accent while it can be drawn."""
    rect = option.rect
    is_live = bool(option.state & (_State.State_MouseOver | _State.State_Sunken | _State.State_HasFocus))
    colour = option.palette.color(_Role.Accent if is_live else _Role.Mid)
    # The handle of two panes side by side is "horizontal" and stands.
    if option.state & _State.State_Horizontal:
        painter.fillRect(QRect(rect.center().x(), rect.top(), 1, rect.height()), colour)
    else:
        painter.fillRect(QRect(rect.left(), rect.center().y(), rect.width(), 1), colour)


def arrow_down(painter: QPainter, option: QStyleOption) -> None:
    """A chevron down."""
    _chevron(painter, option.rect, (0, 1), _ink(option))


def arrow_up(painter: QPainter, option: QStyleOption) -> None:
    """A chevron up."""
    _chevron(painter, option.rect, (0, -1), _ink(option))


def arrow_left(painter: QPainter, option: QStyleOption) -> None:
    """A chevron to the left."""
    _chevron(painter, option.rect, (-1, 0), _ink(option))


def arrow_right(painter: QPainter, option: QStyleOption) -> None:
    """A chevron to the right."""
    _chevron(painter, option.rect, (1, 0), _ink(option))


def clear_icon(palette: QPalette) -> QIcon:
    """The cross that empties a field, sharp on screens of every density."""
    icon = QIcon()
    for ratio in ICON_RATIOS:
        pixmap = QPixmap(ICON * ratio, ICON * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(_stroke(palette.color(_Role.PlaceholderText), STROKE))
        near, far = ICON * 0.3, ICON * 0.7
        painter.drawLine(QPointF(near, near), QPointF(far, far))
        painter.drawLine(QPointF(near, far), QPointF(far, near))
        painter.end()
        icon.addPixmap(pixmap)
    return icon


def _chevron(painter: QPainter, rect: QRect, towards: tuple[int, int], colour: QColor) -> None:
    """Two strokes that point `towards` (one step right and down), in the middle of the rectangle."""
    middle = QRectF(rect).center()
    reach = min(4.0, rect.width() / 3, rect.height() / 3)
    ahead = QPointF(*towards) * (reach / 2)
    aside = QPointF(towards[1], towards[0]) * reach
    painter.setPen(_stroke(colour, STROKE))
    painter.drawPolyline(QPolygonF([middle - ahead - aside, middle + ahead, middle - ahead + aside]))


def _mark_ground(painter: QPainter, option: QStyleOption, radius: float) -> QColor:
    """Draw the ground of a box or a circle, and return the colour of what goes in."""
    palette, state = option.palette, option.state
    is_on = bool(state & (_State.State_On | _State.State_NoChange))
    if not state & _State.State_Enabled:
        _rounded(painter, option.rect, palette.color(_Role.Mid), palette.color(_Role.Window), radius)
        return palette.color(_Role.PlaceholderText)
    is_live = bool(state & (_State.State_MouseOver | _State.State_HasFocus))
    edge = palette.color(_Role.Accent if is_on or is_live else _Role.PlaceholderText)
    _rounded(painter, option.rect, edge, palette.color(_Role.Accent if is_on else _Role.Base), radius)
    return palette.color(_Role.BrightText)


def _rounded(painter: QPainter, rect: QRect, edge: QColor, ground: QColor | None, radius: float = RADIUS) -> None:
    painter.setPen(QPen(edge, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush if ground is None else ground)
    painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)


def _edge(option: QStyleOption) -> QColor:
    has_focus = option.state & _State.State_HasFocus and option.state & _State.State_Enabled
    return option.palette.color(_Role.Accent if has_focus else _Role.Mid)


def _field_ground(option: QStyleOption) -> QPalette.ColorRole:
    return _Role.AlternateBase if option.state & _State.State_Enabled else _Role.Window


def _pressable(option: QStyleOption) -> QColor:
    ground = option.palette.color(_Role.Button)
    is_live = option.state & (_State.State_MouseOver | _State.State_Sunken | _State.State_On)
    return ground.darker(HOVER) if is_live and option.state & _State.State_Enabled else ground


def _ink(option: QStyleOption, *, lit: bool = False) -> QColor:
    """The colour of a chevron: quiet, and the text's when it is under the pointer."""
    return option.palette.color(_Role.Text if lit else _Role.PlaceholderText)


def _is_lit(option: QStyleOptionComplex, part: QStyle.SubControl) -> bool:
    return bool(option.state & _State.State_MouseOver and option.activeSubControls & part)


def _stroke(colour: QColor, width: float) -> QPen:
    return QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)


def _within(square: QRectF, x: float, y: float) -> QPointF:
    return QPointF(square.x() + x * square.width(), square.y() + y * square.height())
