"""Who wins for each value of a registration, and what is out of range."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.archives.manifest import Manifest
from engine.archives.model_config import ModelConfig
from engine.errors import BadRequestError, InvalidArchiveError
from engine.ranges import MAX_INT
from engine.registration import (
    Registration,
    default_workers,
    first_target,
    name_version,
    require_range,
    specify,
)
from engine.registry.records import Target, VersionSpec
from engine.settings import ModelDefaults, Settings
from engine.snapshots import Batching
from engine.unpacked import Unpacked


def decide(
    call: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    manifest: Manifest | None = None,
    **settings: Any,
) -> VersionSpec:
    """Specify version 1.0 of m from what the call, the model-config and the setting `models` say."""
    folder = Path("unpacked")
    said = manifest or Manifest(model_name="m", handler="service.py", raw={"model": {}})
    unpacked = Unpacked("m.mar", 10, folder, folder, said, ModelConfig(**(config or {})))
    models = (ModelDefaults("m", "1.0", **(given or {})),)
    registration = Registration("m.mar", **(call or {}))
    key = name_version(registration, said)
    return specify(registration, key, unpacked, Settings(models=models, **settings), loaded_at_startup=False)


PRECEDENCE = [
    ("batch_size", "batch_size", "batch_size", "batch_size", 1),
    ("max_batch_delay", "max_batch_delay", "max_batch_delay_ms", "max_batch_delay", 100),
    ("response_timeout", "response_timeout", "response_timeout", "response_timeout", 120),
    ("startup_timeout", "startup_timeout", "startup_timeout", "startup_timeout", 120),
]


@pytest.mark.parametrize(("field", "call", "config", "given", "default"), PRECEDENCE)
def test_the_call_goes_before_the_config_before_the_setting_before_the_default(
    field: str, call: str, config: str, given: str, default: int
) -> None:
    said: list[dict[str, Any]] = [{call: 11}, {config: 22}, {given: 33}]
    for first in range(4):
        by_call, by_config, by_setting = (part if position >= first else {} for position, part in enumerate(said))
        expected = [11, 22, 33, default][first]
        assert getattr(decide(by_call, by_config, by_setting), field) == expected


def test_a_zero_batch_delay_is_a_value_like_any_other() -> None:
    assert decide({"max_batch_delay": 0}, {"max_batch_delay_ms": 50}).max_batch_delay == 0


def test_default_timeouts_and_queue_come_from_the_settings() -> None:
    spec = decide(default_response_timeout=7, default_startup_timeout=8, job_queue_size=9)

    assert (spec.response_timeout, spec.startup_timeout, spec.queue_capacity) == (7, 8, 9)
    assert decide(config={"job_queue_size": 5}, job_queue_size=9).queue_capacity == 5


def test_what_only_the_archive_says_is_kept() -> None:
    spec = decide(config={"max_retry_timeout": 1, "client_timeout_ms": 2, "raw": {"own": 1}})

    assert (spec.max_retry_timeout, spec.client_timeout, spec.model_config) == (1, 2, {"own": 1})


def test_name_and_handler_of_the_call_go_before_the_manifest() -> None:
    spec = decide({"model_name": "other", "handler": "mine:run"})

    assert (spec.name, spec.version, spec.handler) == ("other", "1.0", "mine:run")
    assert decide({"model_name": ""}).name == "m"


@pytest.mark.parametrize(
    ("call", "given", "expected"),
    [
        ({}, {}, "python"),
        ({"runtime": "PYTHON"}, {}, "python"),
        ({"runtime": "lsp"}, {}, "LSP"),
        ({}, {"runtime": "Python3"}, "python3"),
        ({"runtime": "python"}, {"runtime": "python3"}, "python"),
    ],
)
def test_a_runtime_is_taken_in_any_case_and_spelt_as_torchserve_does(
    call: dict[str, Any], given: dict[str, Any], expected: str
) -> None:
    assert decide(call, given=given).runtime == expected


def test_an_unknown_runtime_is_refused_wherever_it_comes_from() -> None:
    with pytest.raises(BadRequestError, match=r"^Invalid RuntimeType value: java$"):
        Registration("m.mar", runtime="java").check()
    with pytest.raises(BadRequestError, match="java"):
        decide(given={"runtime": "java"})


@pytest.mark.parametrize("manifest", [Manifest(handler="h", raw={"model": {}}), Manifest()])
def test_a_model_without_a_name_is_refused_and_the_log_has_the_way_out(
    manifest: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidArchiveError, match=r"^Model name is not defined\.$"):
        decide(manifest=manifest)
    assert "m.mar says no model name. Give the parameter model_name" in caplog.text


def test_a_model_without_a_handler_is_refused_unless_the_settings_name_one() -> None:
    manifest = Manifest(model_name="m", raw={"model": {}})

    with pytest.raises(InvalidArchiveError, match=r"m\.mar names no handler\..*default_service_handler"):
        decide(manifest=manifest)
    assert decide(manifest=manifest, default_service_handler="base_handler").handler == "base_handler"


@pytest.mark.parametrize("name", ["a/b", "/", "a\nb", "a\x00", "\ud800", "a\u202eb"])
def test_a_name_that_no_path_could_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArchiveError, match="must not hold a slash or control characters"):
        decide({"model_name": name})
    with pytest.raises(InvalidArchiveError, match="The model version"):
        decide(manifest=Manifest(model_name="m", version=name, handler="h"))


TARGETS = [
    ({}, {}, {}, 0, Target(0, 0)),
    ({}, {}, {}, 4, Target(4, 4)),
    ({"initial_workers": 2}, {}, {}, 4, Target(2, 2)),
    ({"initial_workers": 0}, {}, {}, 4, Target(0, 0)),
    ({"initial_workers": 2}, {"min_workers": 3}, {}, 4, Target(2, 2)),
    ({"initial_workers": 0}, {"min_workers": 3, "max_workers": 5}, {}, 4, Target(0, 0)),
    ({}, {"min_workers": 3, "max_workers": 5}, {}, 4, Target(3, 5)),
    ({}, {}, {"min_workers": 6, "max_workers": 7}, 4, Target(6, 7)),
    ({}, {}, {"min_workers": 6}, 4, Target(6, 6)),
    ({}, {}, {"min_workers": 6, "max_workers": 2}, 4, Target(6, 6)),
    ({"initial_workers": 2}, {}, {"min_workers": 6, "max_workers": 7}, 4, Target(2, 2)),
    ({}, {"min_workers": 1}, {"min_workers": 6, "max_workers": 7}, 4, Target(1, 1)),
]


@pytest.mark.parametrize(("call", "config", "given", "default", "expected"), TARGETS)
def test_the_call_decides_the_workers_then_the_model_config_then_the_setting(
    call: dict[str, Any], config: dict[str, Any], given: dict[str, Any], default: int, expected: Target
) -> None:
    target = first_target(
        Registration("m.mar", **call), ModelConfig(**config), ModelDefaults("m", "1.0", **given), default
    )

    assert target == expected


def test_in_torchserves_dialect_the_model_config_decides_the_workers_before_the_call() -> None:
    registration, given = Registration("m.mar", initial_workers=2), ModelDefaults("m", "1.0")

    assert first_target(registration, ModelConfig(min_workers=3), given, 4, archive_first=True) == Target(3, 3)
    assert first_target(registration, ModelConfig(), given, 4, archive_first=True) == Target(2, 2)


def test_without_a_setting_a_model_has_no_worker_but_at_the_start() -> None:
    assert default_workers(Settings(), 2, loaded_at_startup=False) == 0
    assert default_workers(Settings(), 0, loaded_at_startup=True) == os.cpu_count()
    assert default_workers(Settings(), 2, loaded_at_startup=True) == 2
    assert default_workers(Settings(default_workers_per_model=3), 2, loaded_at_startup=True) == 3
    assert default_workers(Settings(default_workers_per_model=3), 2, loaded_at_startup=False) == 3


LIMITS = {
    "batch_size": (1, 65536),
    "max_batch_delay": (0, 3_600_000),
    "initial_workers": (0, 1000),
    "response_timeout": (1, MAX_INT),
    "startup_timeout": (1, MAX_INT),
}


@pytest.mark.parametrize("name", LIMITS)
def test_each_number_has_its_limits_and_the_error_names_it(name: str) -> None:
    low, high = LIMITS[name]
    for good in (low, high, None):
        Registration("m.mar", **{name: good}).check()  # type: ignore[arg-type]
    for bad in (low - 1, high + 1):
        with pytest.raises(BadRequestError, match=f"^{name} must be a number from {low} to {high}, not {bad}"):
            Registration("m.mar", **{name: bad}).check()  # type: ignore[arg-type]


@given(st.integers(), st.integers(-5, 5), st.integers(6, 10))
def test_a_range_lets_through_what_lies_in_it_and_nothing_else(value: int, low: int, high: int) -> None:
    if low <= value <= high:
        require_range("x", value, low, high)
    else:
        with pytest.raises(BadRequestError):
            require_range("x", value, low, high)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, Batching()),
        ({"sequence_max_idle_ms": 5, "max_num_sequence": 3}, Batching()),
        ({"continuous_batching": True, "use_job_ticket": True}, Batching(continuous=True, job_tickets=True)),
        ({"async_communication": True}, Batching(asynchronous=True)),
        ({"async_communication": True, "continuous_batching": True}, Batching(continuous=True)),
        (
            {"sequence_batching": True, "sequence_max_idle_ms": 5, "sequence_timeout_ms": 7, "max_num_sequence": 3},
            Batching(sequences=True, sequence_max_idle=5, sequence_timeout=7, max_sequences=3, max_sequence_jobs=1),
        ),
    ],
)
def test_the_model_config_decides_how_jobs_come_together(config: dict[str, Any], expected: Batching) -> None:
    assert decide(config=config).batching == expected


def test_sequences_without_an_idle_time_get_one_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert decide(config={"sequence_batching": True}).batching.sequence_max_idle == 60_000
    assert "sequenceBatching without sequenceMaxIdleMSec" in caplog.text


@pytest.mark.parametrize("version", ["9" * 1025, "9" * 5_000, "x" * 100_000])
def test_names_and_versions_have_a_longest_length(version: str) -> None:
    fine = Manifest(model_name="m" * 1024, version="9" * 1024)
    assert name_version(Registration("m.mar"), fine) == (fine.model_name, fine.version)
    for said in (Manifest(model_name="m", version=version), Manifest(model_name=version)):
        with pytest.raises(InvalidArchiveError, match="is longer than 1024 characters") as refusal:
            name_version(Registration("m.mar"), said)
        assert len(str(refusal.value)) < 300
    with pytest.raises(InvalidArchiveError, match="is longer than 1024 characters"):
        decide(call={"handler": version})
