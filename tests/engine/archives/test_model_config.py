"""A model's YAML: TorchServe's keys and rules, and files made to harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.archives.model_config import ModelConfig, Torchrun, parse


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("minWorkers: 0", "min_workers", 1),
        ("minWorkers: 3", "min_workers", 3),
        ("minWorkers: '2'", "min_workers", None),
        ("minWorkers: true", "min_workers", None),
        ("{minWorkers: 2, maxWorkers: 4}", "max_workers", 4),
        ("{minWorkers: 4, maxWorkers: 2}", "max_workers", None),
        ("{minWorkers: 4, maxWorkers: 2}", "min_workers", None),
        ("maxWorkers: 2", "max_workers", 2),
        ("{minWorkers: 2, maxWorkers: -1}", "min_workers", 2),
        ("batchSize: 8", "batch_size", 8),
        ("batchSize: -8", "batch_size", 1),
        ("maxBatchDelay: 20", "max_batch_delay_ms", 20),
        ("maxBatchDelay: 0", "max_batch_delay_ms", None),
        ("maxBatchDelay: -1", "max_batch_delay_ms", None),
        ("responseTimeout: 10", "response_timeout", 10),
        ("responseTimeout: 0", "response_timeout", None),
        ("startupTimeout: 9.5", "startup_timeout", None),
        ("deviceType: GPU", "device_type", "gpu"),
        ("deviceType: tpu", "device_type", None),
        ("deviceType: ''", "device_type", None),
        ("deviceIds: [0, 2]", "device_ids", (0, 2)),
        ("deviceIds: [0, a]", "device_ids", ()),
        ("deviceIds: 1", "device_ids", ()),
        ("{parallelType: pp, parallelLevel: 4}", "parallel_level", 4),
        ("{parallelLevel: 4}", "parallel_level", 0),
        ("{parallelType: pp, parallelLevel: -4}", "parallel_level", 0),
        ("parallelType: zz", "parallel_type", None),
        ("{parallelType: pp, torchrun: {nproc-per-node: 2}}", "parallel_level", 2),
        ("torchrun: {nproc-per-node: 2, OMP_NUMBER_THREADS: 3}", "torchrun", Torchrun(1, 2, omp_number_threads=3)),
        ("torchrun: yes", "torchrun", None),
        ("maxRetryTimeoutInSec: -3", "max_retry_timeout", 0),
        ("{}", "max_retry_timeout", 300),
        ("clientTimeoutInMills: 50", "client_timeout_ms", 50),
        ("jobQueueSize: 0", "job_queue_size", None),
        ("jobQueueSize: 7", "job_queue_size", 7),
        ("useJobTicket: true", "use_job_ticket", True),
        ("useJobTicket: 1", "use_job_ticket", False),
        ("sequenceBatching: true", "sequence_batching", True),
        ("sequenceMaxIdleMSec: 5", "sequence_max_idle_ms", 5),
        ("sequenceTimeoutMSec: 5", "sequence_timeout_ms", 5),
        ("maxNumSequence: 0", "max_num_sequence", 1),
        ("maxSequenceJobQueueSize: 4", "max_sequence_job_queue_size", 4),
        ("continuousBatching: true", "continuous_batching", True),
        ("asyncCommunication: true", "async_communication", True),
        ("useVenv: true", "use_venv", True),
        ("workerPython: /opt/python", "worker_python", "/opt/python"),
        ("workerPython: ''", "worker_python", None),
        ("threads: 3", "threads", 3),
        ("threads: 0", "threads", None),
        ("threads: 1025", "threads", None),
        ("threads: true", "threads", None),
        ("{}", "idle_unload", None),
        ("idleUnloadSeconds: 0", "idle_unload", 0),
        ("idleUnloadSeconds: 600", "idle_unload", 600),
        ("idleUnloadSeconds: -1", "idle_unload", None),
        ("workerPython: 3", "worker_python", None),
    ],
)
def test_each_key_follows_torchserves_rule(text: str, field: str, value: Any) -> None:
    config = parse(text)

    assert config.error == ""
    assert getattr(config, field) == value


def test_a_value_that_is_passed_over_is_named() -> None:
    config = parse("{minWorkers: '2', torchrun: {nnodes: x}}")

    assert config.warnings == (
        "minWorkers is ignored: '2' is no int",
        "torchrun.nnodes is ignored: 'x' is no int",
    )


TOO_LARGE = {
    "minWorkers": ("min_workers", 1000),
    "maxWorkers": ("max_workers", 1000),
    "batchSize": ("batch_size", 65536),
    "maxBatchDelay": ("max_batch_delay_ms", 3_600_000),
    "responseTimeout": ("response_timeout", 2**31 - 1),
    "startupTimeout": ("startup_timeout", 2**31 - 1),
    "maxRetryTimeoutInSec": ("max_retry_timeout", 2**31 - 1),
    "clientTimeoutInMills": ("client_timeout_ms", 2**31 - 1),
    "jobQueueSize": ("job_queue_size", 1_000_000),
    "sequenceMaxIdleMSec": ("sequence_max_idle_ms", 2**31 - 1),
    "sequenceTimeoutMSec": ("sequence_timeout_ms", 2**31 - 1),
    "maxSequenceJobQueueSize": ("max_sequence_job_queue_size", 1_000_000),
    "maxNumSequence": ("max_num_sequence", 1_000_000),
    "idleUnloadSeconds": ("idle_unload", 31_536_000),
}


@pytest.mark.parametrize("key", TOO_LARGE)
def test_a_number_beyond_its_range_is_passed_over_and_named(key: str) -> None:
    name, most = TOO_LARGE[key]
    assert getattr(parse(f"{key}: {most}"), name) == most
    for value in (most + 1, 10**20, "9" * 400):
        config = parse(f"{key}: {value}")
        assert getattr(config, name) == getattr(ModelConfig(), name)
        assert f"is more than {most}" in config.warnings[0]
        assert len(config.warnings[0]) < 250


@pytest.mark.parametrize("text", ["deviceIds: [0, 1024]", "deviceIds: [99999999999999999999]", "parallelLevel: 5000"])
def test_devices_and_processes_have_ranges_too(text: str) -> None:
    config = parse(text)
    assert (config.device_ids, config.parallel_level) == ((), 0)
    assert config.warnings


def test_torchrun_has_ranges_too() -> None:
    config = parse("torchrun: {nproc-per-node: 1000000, OMP_NUMBER_THREADS: 1000000, node-rank: -1}")
    assert config.torchrun == Torchrun()
    assert len(config.warnings) == 3


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("on: 1\nno: 2\n~: 3\n7: 4\n1.5: 5", {"true": 1, "false": 2, "null": 3, "7": 4, "1.5": 5}),
        ("a: 2024-01-02\n2024-01-02: b", {"a": "2024-01-02", "2024-01-02": "b"}),
        ("a: 2024-01-02 03:04:05", {"a": "2024-01-02T03:04:05"}),
        ("a: !!binary aGk=\nb: !!set {x, y}", {"a": "aGk=", "b": ["x", "y"]}),
        ("x: {~: [{off: 1}]}", {"x": {"null": [{"false": 1}]}}),
        ('a: "\\ud83d\\ude00"', {"a": "😀"}),
    ],
)
def test_what_goes_to_a_worker_can_be_written_as_json(text: str, raw: dict[str, Any]) -> None:
    config = parse(text)
    assert config.error == ""
    assert config.raw == raw
    assert json.loads(json.dumps(config.raw, ensure_ascii=False).encode()) == raw


def test_everything_is_kept_for_the_handler() -> None:
    text = "base: &b {x: 1}\nhandler:\n  <<: *b\n  x: 2\n  profile: true\nminWorkers: 1\n"

    assert parse(text).raw == {"base": {"x": 1}, "handler": {"x": 2, "profile": True}, "minWorkers": 1}


@pytest.mark.parametrize("text", ["", "# nothing\n", b"{}"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert parse(text) == ModelConfig()


def test_code_in_the_file_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    config = parse(f"a: !!python/object/apply:os.system ['touch {marker}']")

    assert "could not determine a constructor" in config.error
    assert not marker.exists()


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "its aliases expand to too many values"),
        (MERGES, "its aliases expand to too many values"),
        ("a: &a [*a]", "an alias leads back to itself"),
        ("a: 1\nb: 2\na: 3", "the key 'a' comes twice"),
        ("a: {b: 1, b: 2}", "the key 'b' comes twice"),
        ("[1, 2]", "no mapping"),
        ("just words", "no mapping"),
        ("a: b: c", "mapping values are not allowed"),
        ("a: [", "expected the node content"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: \x00", "unacceptable character"),
        ("a: 2024-13-45", "month must be in 1..12"),
        ("? {a: b}\n: c", "unhashable key"),
        ("[" * 20_000, "nested too deeply"),
        ("a: " + "x" * 300_000, "larger than"),
        ("a: " + "9" * 5_000, "4300 digits"),
        (b"a: \xff", "invalid start byte"),
        ('a: 1\nb: "\\ud800"', "line 2: a text holds half of a character"),
        ('a: 1\n"\\udfff": 2', "line 2: a text holds half of a character"),
        ("a: 1\nb: 0x" + "f" * 5_000, "line 2: a number has more than 14000 bits"),
        ("b: 0b" + "1" * 20_000, "line 1: a number has more than 14000 bits"),
        ("a: 1\nb: " + "9" * 5_000, "line 2: Exceeds the limit"),
        ("a: 1\nb: 2024-13-45", "line 2: month must be"),
        ("a: 1\nb:\n  c: 2\n  c: 3", "line 4: the key 'c' comes twice"),
        ("a: 1\nb: c: d", "line 2: mapping values are not allowed here"),
        ("a: 1\nb: \x00", "line 2: unacceptable character"),
        (b"a: 1\nb: \xff", "line 2: unacceptable character"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_an_error_and_no_values(text: str | bytes, reason: str) -> None:
    config = parse(text)

    assert reason in config.error
    assert config == ModelConfig(error=config.error)
