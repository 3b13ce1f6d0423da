"""The look of the controls that Qt draws itself: flat, rounded, drawn from the palette alone. The GUI thread.

Qt asks a style for every piece of every control, so each method looks the piece up and hands all that is not restyled
to Fusion at once. Sizes follow the font, so they grow with the desktop's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QFontMetrics, QIcon, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QProxyStyle,
    QStyle,
    QStyleFactory,
    QStyleOption,
    QStyleOptionComboBox,
    QStyleOptionComplex,
    QStyleOptionFrame,
    QStyleOptionMenuItem,
    QStyleOptionSlider,
    QStyleOptionSpinBox,
    QWidget,
)
from typing_extensions import override

from gui.drawing import controls, places

if TYPE_CHECKING:
    from collections.abc import Callable

    Draw = Callable[[QPainter, QStyleOption], None]

Option = TypeVar("Option", bound=QStyleOption)

_Piece = QStyle.PrimitiveElement
_Control = QStyle.ControlElement
_Complex = QStyle.ComplexControl
_Contents = QStyle.ContentsType
_Metric = QStyle.PixelMetric

PIECES: dict[QStyle.PrimitiveElement, Draw] = {
    _Piece.PE_FrameFocusRect: controls.focus_ring,
    _Piece.PE_FrameMenu: controls.popup_frame,
    _Piece.PE_IndicatorArrowDown: controls.arrow_down,
    _Piece.PE_IndicatorArrowLeft: controls.arrow_left,
    _Piece.PE_IndicatorArrowRight: controls.arrow_right,
    _Piece.PE_IndicatorArrowUp: controls.arrow_up,
    _Piece.PE_IndicatorCheckBox: controls.check_box,
    _Piece.PE_IndicatorRadioButton: controls.radio_button,
    _Piece.PE_PanelButtonCommand: controls.button,
    _Piece.PE_PanelButtonTool: controls.tool_button,
    _Piece.PE_PanelMenu: controls.menu,
    _Piece.PE_PanelTipLabel: controls.tip,
}
METRICS: dict[QStyle.PixelMetric, Callable[[QFontMetrics], int]] = {
    _Metric.PM_CheckBoxLabelSpacing: places.gap,
    _Metric.PM_ExclusiveIndicatorHeight: places.box,
    _Metric.PM_ExclusiveIndicatorWidth: places.box,
    _Metric.PM_IndicatorHeight: places.box,
    _Metric.PM_IndicatorWidth: places.box,
    _Metric.PM_MenuHMargin: places.menu_margin,
    _Metric.PM_MenuVMargin: places.menu_margin,
    _Metric.PM_RadioButtonLabelSpacing: places.gap,
    _Metric.PM_ScrollBarExtent: places.scroll_bar,
    _Metric.PM_ToolTipLabelFrameWidth: places.tip_margin,
}


class Style(QProxyStyle):
    """Fusion's behaviour in the theme's look."""

    def __init__(self) -> None:
        super().__init__("Fusion")

    @override
    def drawPrimitive(
        self, element: QStyle.PrimitiveElement, option: QStyleOption, painter: QPainter, widget: QWidget | None = None
    ) -> None:
        draw = PIECES.get(element)
        if element is _Piece.PE_Frame and widget is not None:
            draw = controls.popup_frame if widget.isWindow() else controls.area_frame
        elif element is _Piece.PE_PanelLineEdit:
            draw = controls.field if _has_frame(option) else controls.bare_field
        if draw is None:
            super().drawPrimitive(element, option, painter, widget)
        else:
            _apart(draw, painter, option)

    @override
    def drawControl(
        self, element: QStyle.ControlElement, option: QStyleOption, painter: QPainter, widget: QWidget | None = None
    ) -> None:
        if element is _Control.CE_Splitter:
            _apart(controls.splitter, painter, option)
        elif element is _Control.CE_MenuItem and option.state & QStyle.StateFlag.State_Selected:
            _apart(controls.menu_highlight, painter, option)
            super().drawControl(element, _unselected(option), painter, widget)
        else:
            super().drawControl(element, option, painter, widget)

    @override
    def drawComplexControl(
        self,
        control: QStyle.ComplexControl,
        option: QStyleOptionComplex,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        if isinstance(option, QStyleOptionComboBox):
            _apart(controls.combo_box, painter, option)
        elif isinstance(option, QStyleOptionSpinBox):
            _apart(controls.spin_box, painter, option)
        elif control is _Complex.CC_ScrollBar and isinstance(option, QStyleOptionSlider):
            painter.fillRect(option.rect, _ground(widget, option))
            _apart(controls.scroll_bar, painter, option)
        else:
            super().drawComplexControl(control, option, painter, widget)

    @override
    def subControlRect(
        self,
        control: QStyle.ComplexControl,
        option: QStyleOptionComplex,
        part: QStyle.SubControl,
        widget: QWidget | None = None,
    ) -> QRect:
        place = None
        if isinstance(option, QStyleOptionComboBox):
            place = places.in_combo_box(option, part)
        elif isinstance(option, QStyleOptionSpinBox):
            place = places.in_spin_box(option, part)
        elif control is _Complex.CC_ScrollBar and isinstance(option, QStyleOptionSlider):
            place = places.in_scroll_bar(option, part)
        return super().subControlRect(control, option, part, _given(widget)) if place is None else place

    @override
    def subElementRect(self, element: QStyle.SubElement, option: QStyleOption, widget: QWidget | None = None) -> QRect:
        place = super().subElementRect(element, option, _given(widget))
        if element is QStyle.SubElement.SE_LineEditContents and _has_frame(option):
            return place.adjusted(places.INSET - 1, 0, 1 - places.INSET, 0)
        return place

    @override
    def sizeFromContents(
        self, kind: QStyle.ContentsType, option: QStyleOption, contents: QSize, widget: QWidget | None = None
    ) -> QSize:
        height = places.control_height(option.fontMetrics)
        if isinstance(option, QStyleOptionComboBox):
            return QSize(contents.width() + places.beside_combo_text(option), height)
        if isinstance(option, QStyleOptionSpinBox):
            return QSize(contents.width() + places.beside_spin_text(option), height)
        size = super().sizeFromContents(kind, option, contents, _given(widget))
        if kind is _Contents.CT_PushButton:
            size.setHeight(height)
        elif kind is _Contents.CT_LineEdit and _has_frame(option):
            size = QSize(size.width() + 2 * places.INSET, height)
        return size

    @override
    def pixelMetric(
        self, metric: QStyle.PixelMetric, option: QStyleOption | None = None, widget: QWidget | None = None
    ) -> int:
        measure = METRICS.get(metric)
        if measure is not None:
            return measure(widget.fontMetrics() if widget else QApplication.fontMetrics())
        if metric is _Metric.PM_DefaultFrameWidth and isinstance(widget, QAbstractScrollArea):
            return places.AREA_FRAME
        return super().pixelMetric(metric, option, widget)

    @override
    def standardIcon(
        self, icon: QStyle.StandardPixmap, option: QStyleOption | None = None, widget: QWidget | None = None
    ) -> QIcon:
        if icon is QStyle.StandardPixmap.SP_LineEditClearButton:
            return controls.clear_icon(widget.palette() if widget else QApplication.palette())
        return super().standardIcon(icon, option, widget)


def paint_by_delegate(view: QAbstractItemView) -> None:
    """Leave the grounds of the cells to a view's delegate: Qt asks the style for each, hundreds of times a frame."""
    fusion = QStyleFactory.create("Fusion")
    fusion.setParent(view)
    view.setStyle(fusion)


def _given(widget: QWidget | None) -> QWidget:
    """The widget as it came: a style is asked without one too, which the stubs of some methods forget."""
    return cast("QWidget", widget)


def _apart(draw: Callable[[QPainter, Option], None], painter: QPainter, option: Option) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw(painter, option)
    painter.restore()


def _unselected(item: QStyleOption) -> QStyleOptionMenuItem:
    """The same item of a menu, for Fusion would put a bevel round a selected one."""
    plain = QStyleOptionMenuItem(cast("QStyleOptionMenuItem", item))
    plain.state &= ~QStyle.StateFlag.State_Selected
    return plain


def _has_frame(option: QStyleOption) -> bool:
    return isinstance(option, QStyleOptionFrame) and option.lineWidth > 0


def _ground(bar: QWidget | None, option: QStyleOption) -> QColor:
    """What lies under a scroll bar, which has to fill itself: the ground of the area that it scrolls."""
    holder = bar.parentWidget() if bar else None
    area = holder.parentWidget() if holder else None
    if isinstance(area, QAbstractScrollArea):
        return area.viewport().palette().color(area.viewport().backgroundRole())
    return option.palette.color(QPalette.ColorRole.Base)
