"""Where the parts of a control lie and how large they are, by fonts and Qt's options alone. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QAbstractSpinBox, QStyle, QStyleOptionComboBox, QStyleOptionSlider, QStyleOptionSpinBox

# Above and below the text of a button or a field, together.
AROUND_TEXT = 14
# From a field's edge to its text.
INSET = 8
# Around a text area: as wide as its square corners need to stay inside the rounded frame.
AREA_FRAME = 3
# A scroll bar's handle is at least so many times as long as the bar is thick.
LEAST_HANDLE = 3
# What the steps of a spin box leave free at its upper and lower edge, so that the chevrons come together.
EDGE = 4
_Part = QStyle.SubControl


def control_height(metrics: QFontMetrics) -> int:
    """The height of a button, a field, a combo box and a spin box, in pixels."""
    return metrics.height() + AROUND_TEXT


def box(metrics: QFontMetrics) -> int:
    """The side of a check box and the diameter of a radio button."""
    return metrics.height() // 2 * 2


def gap(metrics: QFontMetrics) -> int:
    """Between a box and its words."""
    return metrics.height() // 2


def scroll_bar(metrics: QFontMetrics) -> int:
    """The thickness of a scroll bar, the room beside its handle included."""
    return max(10, metrics.height() * 2 // 3)


def menu_margin(metrics: QFontMetrics) -> int:
    """Around the items of a menu."""
    return metrics.height() // 4


def tip_margin(metrics: QFontMetrics) -> int:
    """Around the text of a tool tip."""
    return metrics.height() // 3


def arrow_width(metrics: QFontMetrics) -> int:
    """The room of a chevron at the end of a field."""
    return metrics.height() + INSET


def beside_combo_text(option: QStyleOptionComboBox) -> int:
    """How much wider than its longest text a combo box is."""
    return INSET + INSET // 2 + arrow_width(option.fontMetrics)


def beside_spin_text(option: QStyleOptionSpinBox) -> int:
    """How much wider than its longest text a spin box is."""
    return 2 * INSET + _steps_width(option)


def combo_arrow(option: QStyleOptionComboBox) -> QRect:
    """The place of a combo box's chevron."""
    return _ending(option.rect, option.direction, arrow_width(option.fontMetrics))


def in_combo_box(option: QStyleOptionComboBox, part: QStyle.SubControl) -> QRect | None:
    """The text or the chevron of a combo box; None for a part that the base style places."""
    if part is _Part.SC_ComboBoxArrow:
        return combo_arrow(option)
    if part is _Part.SC_ComboBoxEditField:
        # The field of an editable one has a margin of its own, a pixel wider than that of plain text.
        text = option.rect.adjusted(INSET if option.editable else INSET + 1, 1, -arrow_width(option.fontMetrics), -1)
        return QStyle.visualRect(option.direction, option.rect, text)
    return None


def spin_steps(option: QStyleOptionSpinBox) -> tuple[QRect, QRect]:
    """The places of a spin box's steps: up and down."""
    column = _ending(option.rect, option.direction, _steps_width(option))
    middle = column.top() + column.height() // 2
    up, down = QRect(column), QRect(column)
    up.setBottom(middle - 1)
    down.setTop(middle)
    return up.adjusted(0, EDGE, 0, 0), down.adjusted(0, 0, 0, -EDGE)


def in_spin_box(option: QStyleOptionSpinBox, part: QStyle.SubControl) -> QRect | None:
    """The text or a step of a spin box; None for a part that the base style places."""
    up, down = spin_steps(option)
    if part is _Part.SC_SpinBoxUp:
        return up
    if part is _Part.SC_SpinBoxDown:
        return down
    if part is _Part.SC_SpinBoxEditField:
        text = option.rect.adjusted(INSET, 1, -max(_steps_width(option), INSET), -1)
        return QStyle.visualRect(option.direction, option.rect, text)
    return None


def in_scroll_bar(option: QStyleOptionSlider, part: QStyle.SubControl) -> QRect:
    """The groove, the handle and the pages before and after it; there are no arrows, so their places are empty."""
    lying = option.orientation is Qt.Orientation.Horizontal
    length = option.rect.width() if lying else option.rect.height()
    handle = handle_length(option, length)
    start = QStyle.sliderPositionFromValue(
        option.minimum, option.maximum, option.sliderPosition, length - handle, option.upsideDown
    )
    spans = {
        _Part.SC_ScrollBarGroove: (0, length),
        _Part.SC_ScrollBarSubPage: (0, start),
        _Part.SC_ScrollBarSlider: (start, start + handle),
        _Part.SC_ScrollBarAddPage: (start + handle, length),
    }
    low, high = spans.get(part, (0, 0))
    if low == high:
        return QRect()
    place = QRect(option.rect)
    if lying:
        place.adjust(low, 0, high - length, 0)
    else:
        place.adjust(0, low, 0, high - length)
    return QStyle.visualRect(option.direction, option.rect, place)


def handle_length(option: QStyleOptionSlider, length: int) -> int:
    """The length of a scroll bar's handle: the share that can be seen, never too short to be taken."""
    reach = option.maximum - option.minimum
    if reach <= 0:
        return length
    least = LEAST_HANDLE * scroll_bar(option.fontMetrics)
    return min(length, max(least, length * option.pageStep // (reach + option.pageStep)))


def _steps_width(option: QStyleOptionSpinBox) -> int:
    has_none = option.buttonSymbols is QAbstractSpinBox.ButtonSymbols.NoButtons
    return 0 if has_none else arrow_width(option.fontMetrics)


def _ending(rect: QRect, direction: Qt.LayoutDirection, width: int) -> QRect:
    """As wide a strip at the end of the rectangle, which is left in a mirrored layout."""
    return QStyle.visualRect(direction, rect, rect.adjusted(rect.width() - width, 0, 0, 0))
