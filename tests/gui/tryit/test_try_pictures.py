from __future__ import annotations

import pytest
from PySide6.QtCore import QSize

from gui.tryit.pictures import fitted


@pytest.mark.parametrize(
    ("image", "room", "size"),
    [
        ((28, 28), (600, 400), (392, 392)),
        ((160, 160), (600, 200), (200, 200)),
        ((160, 160), (600, 400), (320, 320)),
        ((1000, 500), (600, 400), (600, 300)),
        ((1, 1), (300, 200), (200, 200)),
        ((0, 0), (300, 200), (0, 0)),
        ((10, 10), (0, 200), (0, 0)),
    ],
)
def test_an_image_fills_its_room(image: tuple[int, int], room: tuple[int, int], size: tuple[int, int]) -> None:
    assert fitted(QSize(*image), QSize(*room)) == QSize(*size)
