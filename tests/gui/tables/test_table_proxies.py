from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from engine.snapshots import Changes, VersionState, WorkerState
from gui.tables.catalog import Catalog
from gui.tables.models import TreeModel
from gui.tables.proxies import ModelsProxy
from tests.gui.fakes import a_queue, a_version, a_worker

pytestmark = pytest.mark.usefixtures("qapp")
FAILED = a_worker(state=WorkerState.FAILED, last_death="ModuleNotFoundError: cv2", device="cuda:1")


@pytest.fixture
def proxy() -> ModelsProxy:
    catalog = Catalog()
    model = TreeModel(catalog)
    proxy = ModelsProxy(model)
    model.setParent(proxy)
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
    return proxy


def names(proxy: ModelsProxy) -> list[str]:
    return [proxy.index(row, 0).data().split()[0] for row in range(proxy.rowCount())]


def test_names_sort_whatever_their_case(proxy: ModelsProxy) -> None:
    assert names(proxy) == ["Denoiser", "digits", "street-signs"]


def test_numbers_sort_by_value(proxy: ModelsProxy) -> None:
    proxy.sort(4, Qt.SortOrder.DescendingOrder)
    assert names(proxy) == ["Denoiser", "digits", "street-signs"]
    proxy.sort(4, Qt.SortOrder.AscendingOrder)
    assert names(proxy) == ["street-signs", "digits", "Denoiser"]


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
def test_text_is_looked_for_in_every_word_of_a_row(proxy: ModelsProxy, text: str, found: list[str]) -> None:
    proxy.show_only(text, None)
    assert names(proxy) == found


def test_a_state_leaves_its_models_with_their_versions(proxy: ModelsProxy) -> None:
    proxy.show_only("", VersionState.FAILED)
    assert names(proxy) == ["street-signs"]
    assert proxy.rowCount(proxy.index(0, 0)) == 1
    proxy.show_only("", None)
    assert len(names(proxy)) == 3
    assert not proxy.is_filtering
