from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPalette

from engine.snapshots import VersionState
from gui.marks import SIZE, paint_mark
from gui.theme import DARK, LIGHT, Theme, Tokens, palette_of, semibold, small, tokens

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

READABLE = 4.5


def luminance(colour: QColor) -> float:
    given = (colour.redF(), colour.greenF(), colour.blueF())
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in given]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_text_can_be_read(colours: Tokens) -> None:
    for text in (colours.text, colours.dim, colours.accent):
        assert contrast(text, colours.surface) >= READABLE
    assert contrast(colours.on_accent, colours.accent) >= READABLE


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_a_palette_leads_back_to_its_tokens(colours: Tokens) -> None:
    assert tokens(palette_of(colours)) is colours


def test_choosing_a_scheme_recolours_the_application(qapp: QApplication, theme: Theme) -> None:
    theme.choose(Qt.ColorScheme.Dark)
    assert qapp.palette().color(QPalette.ColorRole.Base) == DARK.surface
    theme.choose(Qt.ColorScheme.Light)
    assert qapp.palette().color(QPalette.ColorRole.Base) == LIGHT.surface
    assert theme.chosen is Qt.ColorScheme.Light


def test_fonts_keep_their_family(qapp: QApplication) -> None:
    font = qapp.font()
    assert small(font).pointSizeF() < font.pointSizeF()
    assert semibold(font).family() == font.family()


def drawn(state: VersionState) -> bytes:
    image = QImage(16, 16, QImage.Format.Format_Alpha8)
    image.fill(0)
    painter = QPainter(image)
    paint_mark(painter, QPointF(8, 8), state, QColor("black"))
    painter.end()
    return bytes(image.constBits())


@pytest.mark.usefixtures("qapp")
def test_every_state_has_a_shape_of_its_own() -> None:
    shapes = {drawn(state) for state in VersionState}
    assert len(shapes) == len(VersionState)
    assert all(any(shape) for shape in shapes)
    assert SIZE < 16
