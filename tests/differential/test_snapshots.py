"""Snapshots of a real TorchServe and of Marina after the same changes: the same kinds of files, with the same models.

`make differential` runs it. Left out of the comparison are times and ports.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.settings import properties
from tests.differential import environment
from tests.differential.packing import Archive, pack
from tests.differential.servers import Peer, both
from tests.support.peer_environments import PeerMissingError
from tests.support.server_process import ask

pytestmark = pytest.mark.differential

CHANGES = (
    ("POST", "/models?url=plain-1.0.mar"),
    ("POST", "/models?url=plain-1.0.mar&model_name=caf%C3%A9%3D&batch_size=3&max_batch_delay=7"),
    ("POST", "/models?url=plain-2.0.mar&response_timeout=9"),
    ("PUT", "/models/plain/2.0/set-default"),
    ("PUT", "/models/plain/1.0?min_worker=1&max_worker=2&synchronous=true"),
    ("DELETE", "/models/plain/1.0"),
)
# What both write beside the models.
KEYS = {"inference_address", "management_address", "model_store", "version", "max_request_size", "model_snapshot"}


def test_both_write_the_same_snapshots(tmp_path: Path) -> None:
    try:
        environment.prepare()
    except PeerMissingError as missing:
        pytest.skip(str(missing))
    store = tmp_path / "store"
    store.mkdir()
    pack((Archive("plain", "do_nothing.py"), Archive("plain", "do_nothing.py", "2.0")), store)
    with both(tmp_path, store, snapshots=True) as peers:
        found = [_after_changes(peer, tmp_path / folder) for peer, folder in zip(peers, ("ts", "m"), strict=True)]
    theirs, ours = found
    assert ours == theirs


def _after_changes(peer: Peer, folder: Path) -> list[tuple[str, int, dict[str, Any]]]:
    """Return kind, number and models of the snapshots, in their order."""
    for method, target in CHANGES:
        ask(method, f"http://127.0.0.1:{peer.management}{target}")
    found = []
    for path in sorted((folder / "logs" / "config").iterdir()):
        entries = {entry.key: entry.value for entry in properties.parse(path.read_text(encoding="utf-8"))}
        assert entries.keys() >= KEYS
        snapshot = json.loads(entries["model_snapshot"])
        assert snapshot["name"] == path.name
        assert len(str(snapshot["created"])) == 13
        found.append((path.stem.partition("-")[2], snapshot["modelCount"], snapshot["models"]))
    return found
