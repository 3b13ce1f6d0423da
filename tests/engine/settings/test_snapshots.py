from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import SnapshotModel, load
from engine.settings.snapshots import model_snapshot
from engine.settings.values import model_defaults

SNAPSHOT = {
    "name": "20260101000000000-shutdown.cfg",
    "modelCount": 1,
    "created": 1,
    "models": {
        "noop": {
            "1.0": {
                "defaultVersion": False, "marName": "noop.mar", "minWorkers": 0, "maxWorkers": 0, "batchSize": 1,
                "maxBatchDelay": 100, "responseTimeout": 120, "startupTimeout": 120, "runtimeType": "python",
            },
            "2.0": {"defaultVersion": True, "marName": "noop2.mar", "minWorkers": 2, "maxWorkers": 3},
        }
    },
}  # fmt: skip


def test_every_version_is_read() -> None:
    first, second = model_snapshot(json.dumps(SNAPSHOT))
    assert first == SnapshotModel("noop", "1.0", "noop.mar", False, 0, 0, 1, 100, 120, 120)  # noqa: FBT003
    assert second == SnapshotModel("noop", "2.0", "noop2.mar", True, 2, 3, None, None, None, None)  # noqa: FBT003


def test_a_snapshot_file_is_a_configuration_file(tmp_path: Path) -> None:
    text = json.dumps(SNAPSHOT).replace("\n", " ")
    path = tmp_path / "snapshot.cfg"
    path.write_text(f"model_snapshot={text}\n", encoding="utf-8")
    settings = load(["--ts-config", str(path)], {}, tmp_path, program="marina-server")
    assert [str(model) for model in settings.model_snapshot] == ["noop/1.0=noop.mar", "noop/2.0=noop2.mar"]
    assert settings.ignored_keys == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON"),
        ("[]", "the whole must be a JSON object"),
        ('{"models": {"m": {"1": {}}}}', "m 1 names no archive"),
        ('{"models": {"m": {"1": {"marName": "m.mar", "minWorkers": "two"}}}}', "minWorkers must be a whole number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "snapshot.cfg"
    path.write_text(f"model_snapshot={text}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=reason):
        load(["--ts-config", str(path)], {}, tmp_path, program="marina-server")


def test_an_empty_snapshot_registers_nothing() -> None:
    assert model_snapshot('{"models": {}}') == ()


@pytest.mark.parametrize(
    ("key", "most"),
    [("minWorkers", 1000), ("maxWorkers", 1000), ("batchSize", 65536), ("maxBatchDelay", 3_600_000)],
)
def test_numbers_of_snapshots_and_of_models_have_the_ranges_of_the_api(key: str, most: int) -> None:
    assert model_snapshot(f'{{"models": {{"m": {{"1.0": {{"marName": "m.mar", "{key}": {most}}}}}}}}}')
    assert model_defaults(f'{{"m": {{"1.0": {{"{key}": {most}}}}}}}')
    with pytest.raises(ValueError, match=f"{key} must be at most {most}"):
        model_snapshot(f'{{"models": {{"m": {{"1.0": {{"marName": "m.mar", "{key}": {most + 1}}}}}}}}}')
    with pytest.raises(ValueError, match=f"{key} must be at most {most}"):
        model_defaults(f'{{"m": {{"1.0": {{"{key}": {most + 1}}}}}}}')
