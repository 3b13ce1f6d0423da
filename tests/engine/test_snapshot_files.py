"""Snapshots as TorchServe writes them: when, where, what is in them, and what a later start makes of them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine import snapshot_files
from engine.home import Home
from engine.registration import Registration
from engine.settings import Settings, load, properties
from engine.settings.log_options import LogOptions
from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

Scenario = Callable[[Server], Awaitable[None]]
# As TorchServe 0.12 wrote it, but for the paths and fewer keys.
MODELS = r"""{
  "name"\: "20261201122223137-snapshot.cfg",
  "modelCount"\: 1,
  "created"\: 1796127743137,
  "models"\: {
    "noop"\: {
      "1.0"\: {
        "defaultVersion"\: true,
        "marName"\: "noop-1.0.mar",
        "minWorkers"\: 2,
        "maxWorkers"\: 3,
        "batchSize"\: 1,
        "maxBatchDelay"\: 100,
        "responseTimeout"\: 60,
        "startupTimeout"\: 120,
        "runtimeType"\: "python"
      }
    }
  }
}""".replace("\n", r"\n")
TORCHSERVES = r"""#Saving snapshot
#Tue Dec 01 12:22:23 UTC 2026
inference_address=http\://127.0.0.1\:0
management_address=http\://127.0.0.1\:0
metrics_address=http\://127.0.0.1\:0
grpc_inference_port=0
model_store={store}
vmargs=-Xmx768m
python=/usr/bin/python
job_queue_size=7
model_snapshot={models}
tsConfigFile=/ts/config.properties
version=0.12.0
workflow_store={store}
initial_worker_port=59887
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path)
    archive(made.model_store)
    archive(made.model_store, version="2.0", config="minWorkers: 1\nmaxWorkers: 2\nresponseTimeout: 33\n")
    return made


def run(home: Home, scenario: Scenario, settings: Settings | None = None) -> None:
    async def main() -> None:
        async with serving(home, settings or make_settings(), FakeLauncher()) as server:
            await scenario(server)

    asyncio.run(main())


async def nothing(_server: Server) -> None:
    """Start and stop."""


def written(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and models of each snapshot, oldest first."""
    found = []
    for path in sorted(folder.iterdir()):
        assert re.fullmatch(r"[0-9]{17}-(startup|snapshot|shutdown)\.cfg", path.name)
        entries = {entry.key: entry.value for entry in properties.parse(path.read_text(encoding="utf-8"))}
        said = json.loads(entries["model_snapshot"])
        assert said["name"] == path.name
        assert said["modelCount"] == sum(len(versions) for versions in said["models"].values())
        found.append((path.stem.partition("-")[2], said["models"]))
    return found


def test_a_snapshot_is_written_at_the_start_at_each_change_and_at_the_end(home: Home) -> None:
    async def scenario(server: Server) -> None:
        engine = server.engine
        await engine.register(Registration("noop-1.0.mar", model_name="café =1"))
        await engine.register(Registration("noop-2.0.mar", model_name="café =1"))
        await engine.scale("café =1", "1.0", min_workers=0, max_workers=3)
        await engine.set_default("café =1", "2.0")
        await engine.unregister("café =1", "1.0")

    run(home, scenario)
    found = written(home.logs / "config")
    assert [kind for kind, _ in found] == ["startup", *["snapshot"] * 5, "shutdown"]
    assert found[0][1] == {}
    values = {"batchSize": 1, "maxBatchDelay": 100, "startupTimeout": 120, "runtimeType": "python"}
    first = {"marName": "noop-1.0.mar", "minWorkers": 0, "maxWorkers": 3, "responseTimeout": 120, **values}
    second = {"marName": "noop-2.0.mar", "minWorkers": 1, "maxWorkers": 2, "responseTimeout": 33, **values}
    assert found[4][1] == {
        "café =1": {"1.0": {"defaultVersion": False, **first}, "2.0": {"defaultVersion": True, **second}}
    }
    assert found[-1][1] == found[-2][1] == {"café =1": {"2.0": {"defaultVersion": True, **second}}}


def test_what_is_refused_writes_none(home: Home) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.manage("PUT", "/models/none?min_worker=1")).status == 404
        assert (await server.register("url=none.mar")).status == 404

    run(home, scenario)
    assert [kind for kind, _ in written(home.logs / "config")] == ["startup", "shutdown"]


def test_models_that_come_back_are_in_the_snapshot_of_the_start_alone(home: Home) -> None:
    async def scenario(server: Server) -> None:
        await server.engine.register(Registration("noop-1.0.mar"))

    run(home, scenario)
    before = len(written(home.logs / "config"))
    run(home, nothing)
    kinds = written(home.logs / "config")[before:]
    assert [(kind, list(models)) for kind, models in kinds] == [("startup", ["noop"]), ("shutdown", ["noop"])]


def test_without_a_record_none_is_written(home: Home) -> None:
    run(home, nothing, make_settings(record=False))
    assert not (home.logs / "config").exists()


def test_snapshots_lie_beside_torchserves_log_files(home: Home, tmp_path: Path) -> None:
    run(home, nothing, make_settings(log_options=LogOptions(folder=tmp_path / "logs")))
    assert [kind for kind, _ in written(tmp_path / "logs" / "config")] == ["startup", "shutdown"]
    assert not (home.logs / "config").exists()


def test_a_folder_that_cannot_be_written_is_one_line_in_the_log(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.logs.mkdir(exist_ok=True)
    (home.logs / "config").write_text("in the way")

    async def scenario(server: Server) -> None:
        await server.engine.register(Registration("noop-1.0.mar"))

    run(home, scenario)
    assert caplog.text.count("No snapshots are written to") == 1


def test_a_run_keeps_the_newest_of_its_own_snapshots(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_files, "KEPT", 3)
    (home.logs / "config").mkdir(parents=True)
    others = home.logs / "config" / "20200101000000000-snapshot.cfg"
    others.write_text('model_snapshot={"name": "20200101000000000-snapshot.cfg", "modelCount": 0, "models": {}}')

    async def scenario(server: Server) -> None:
        for number in range(6):
            await server.engine.register(Registration("noop-1.0.mar", model_name=f"m{number}"))

    run(home, scenario)
    assert [kind for kind, _ in written(home.logs / "config")] == ["snapshot", "snapshot", "snapshot", "shutdown"]
    assert others.exists()


def start(tmp_path: Path, *arguments: str, program: str = "marina-server", **environ: str) -> Settings:
    return load(arguments, environ, tmp_path, program=program)


def torchserves(tmp_path: Path, home: Home, name: str = "20261201122223137-snapshot.cfg") -> Path:
    """Put a snapshot of TorchServe's where it would."""
    path = tmp_path / "logs" / "config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TORCHSERVES.format(store=home.model_store, models=MODELS), encoding="utf-8")
    return path


def test_the_configuration_of_a_snapshot_reads_back_as_it_was_without_secrets(home: Home, tmp_path: Path) -> None:
    texts = {
        "inference_address": "http://127.0.0.1:0",
        "management_address": "http://127.0.0.1:0",
        "metrics_address": "http://127.0.0.1:0",
        "grpc_inference_port": "0",
        "grpc_management_port": "0",
        "allowed_urls": "https://a/.*\\.mar,http://b:80/#!.*",
        "blacklist_env_vars": "^ A\tB=.*",
        "models": '{"noop": {"1.0": {"batchSize": 3}}}',
        "keystore_pass": "geheim",
    }
    (tmp_path / "config.properties").write_text(properties.stored(texts))
    (tmp_path / "store").mkdir()
    first = start(tmp_path, "--model-store", "store", "--ts-config", "config.properties")
    assert first.allowed_urls == ("https://a/.*\\.mar", "http://b:80/#!.*")
    run(home, nothing, first)
    again = start(tmp_path)
    assert again.config_file == max((tmp_path / "logs" / "config").iterdir(), key=lambda path: path.name)
    for key in texts.keys() - {"keystore_pass"}:
        assert getattr(again, key) == getattr(first, key)
    assert again.model_store == tmp_path / "store"
    assert "geheim" not in again.config_file.read_text()
    assert again.unknown_keys == ()


def test_the_last_snapshot_counts_when_no_file_is_named(home: Home, tmp_path: Path) -> None:
    torchserves(tmp_path, home, "20261201122223136-shutdown.cfg")
    last = torchserves(tmp_path, home)
    (tmp_path / "logs" / "config" / "notes.txt").write_text("garbage")
    (tmp_path / "config.properties").write_text("job_queue_size=9\n")
    found = start(tmp_path)
    assert (found.config_file, found.reads_last_snapshot, found.job_queue_size) == (last, True, 7)
    assert [str(model) for model in found.model_snapshot] == ["noop/1.0=noop-1.0.mar"]
    assert start(tmp_path, LOG_LOCATION="elsewhere").job_queue_size == 9
    for arguments, program in ((["--ncs"], "marina-server"), (["--ts-config", "config.properties"], "marina-server")):
        assert not start(tmp_path, *arguments, program=program).reads_last_snapshot
        assert start(tmp_path, *arguments, program=program).job_queue_size == 9
    assert not start(tmp_path, TS_CONFIG_FILE="config.properties").reads_last_snapshot


def test_the_window_takes_no_snapshot_from_the_folder_it_begins_in(home: Home, tmp_path: Path) -> None:
    torchserves(tmp_path, home)
    assert start(tmp_path, program="marina").config_file is None


def test_models_of_torchserves_last_snapshot_are_taken_over_once(
    home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torchserves(tmp_path, home)

    async def took_over(server: Server) -> None:
        (found,) = server.engine.describe("noop")
        assert (found.min_workers, found.max_workers, found.response_timeout) == (2, 3, 60)
        await server.engine.unregister("noop")

    async def stays_away(server: Server) -> None:
        assert server.engine.list_models() == []

    with caplog.at_level(logging.INFO):
        run(home, took_over, start(tmp_path, "--no-restore"))
    assert "The configuration is read from the last snapshot" in caplog.text
    torchserves(tmp_path, home, "20991201122223137-snapshot.cfg")
    run(home, stays_away, start(tmp_path))


def test_an_archive_that_is_gone_from_the_last_snapshot_does_not_keep_marina_from_starting(
    home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torchserves(tmp_path, home)
    (home.model_store / "noop-1.0.mar").unlink()
    run(home, nothing, start(tmp_path))
    assert "noop-1.0.mar was not loaded" in caplog.text
