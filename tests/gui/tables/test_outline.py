from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from engine.snapshots import Changes, VersionState, WorkerState
from gui.tables.catalog import Catalog
from gui.tables.models import OPEN
from gui.tables.outline import Outline
from tests.gui.fakes import a_queue, a_version, a_worker

pytestmark = pytest.mark.usefixtures("qapp")
FAILED = a_worker(state=WorkerState.FAILED, last_death="ModuleNotFoundError: cv2", device="cuda:1")


@pytest.fixture
def outline() -> Outline:
    catalog = Catalog()
    outline = Outline(catalog)
    catalog.apply(
        Changes(
            1,
            (
                a_version("digits", "2.0", queue=a_queue(pending=9)),
                a_version("Denoiser", "0.9", queue=a_queue(pending=10)),
                a_version("street-signs", "4.1", state=VersionState.FAILED, workers=(FAILED,)),
            ),
        )
    )
    return outline


def names(outline: Outline) -> list[str]:
    return [outline.index(row, 0).data().split()[0] for row in range(outline.rowCount())]


def test_names_sort_whatever_their_case(outline: Outline) -> None:
    assert names(outline) == ["Denoiser", "digits", "street-signs"]


def test_a_model_opens_to_its_versions_in_order_and_closes_again(outline: Outline) -> None:
    outline.set_open(["digits"], is_open=True)
    assert [outline.row(outline.index(row, 0)) for row in range(4)][1:3] == [("digits", None), ("digits", "2.0")]
    assert outline.find("digits").data(OPEN) is True
    assert outline.find("digits", "2.0").data(OPEN) is None
    assert outline.find("digits").data(Qt.ItemDataRole.AccessibleTextRole) == "digits 2.0, open"
    outline.set_open(["digits"], is_open=False)
    assert names(outline) == ["Denoiser", "digits", "street-signs"]
    assert outline.find("digits").data(Qt.ItemDataRole.AccessibleTextRole) == "digits 2.0, closed"


def test_typing_finds_a_model_by_the_beginning_of_its_name(outline: Outline) -> None:
    assert outline.match(outline.index(0, 1), Qt.ItemDataRole.DisplayRole, "STR") == [outline.index(2, 1)]
    assert outline.match(outline.index(2, 1), Qt.ItemDataRole.DisplayRole, "d") == [outline.index(0, 1)]
    assert outline.match(outline.index(0, 0), Qt.ItemDataRole.DisplayRole, "x") == []


def test_numbers_sort_by_value(outline: Outline) -> None:
    outline.sort(4, Qt.SortOrder.DescendingOrder)
    assert names(outline) == ["Denoiser", "digits", "street-signs"]
    outline.sort(4, Qt.SortOrder.AscendingOrder)
    assert names(outline) == ["street-signs", "digits", "Denoiser"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("DIG", ["digits"]),
        ("0.9", ["Denoiser"]),
        ("cv2", ["street-signs"]),
        ("cuda:1", ["street-signs"]),
        ("street failed", ["street-signs"]),
        ("street ready", []),
    ],
)
def test_text_is_looked_for_in_every_word_of_a_row(outline: Outline, text: str, found: list[str]) -> None:
    outline.show_only(text, None)
    assert names(outline) == found


def test_a_state_leaves_its_models_with_their_versions(outline: Outline) -> None:
    outline.show_only("", VersionState.FAILED)
    assert names(outline) == ["street-signs"]
    outline.show_only("", None)
    assert len(names(outline)) == 3
