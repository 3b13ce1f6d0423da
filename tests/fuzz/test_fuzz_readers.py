"""Readers of files that others wrote: manifests, archives, configurations, snapshots, what S3 answers."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import strategies as st

from engine.archives import manifest, model_config, s3_answers
from engine.archives.members import Limits
from engine.archives.summary import inspect
from engine.archives.unpack import unpack
from engine.errors import InvalidArchiveError, MarinaError, SettingsError
from engine.metrics import declarations
from engine.runtime.decoding import decode_rows
from engine.settings import properties, snapshots
from engine.settings.loading import load
from engine.settings.saved import read_saved, save
from tests.support.archives import archive
from tests.support.fuzzing import fuzz, garbled

# Python warns of a regular expression that it may read otherwise one day.
pytestmark = pytest.mark.filterwarnings("ignore:Possible")

MANIFEST = json.dumps(
    {
        "createdOn": "x", "runtime": "python", "archiverVersion": 0.1, "description": "x",
        "model": {
            "modelName": "net", "modelVersion": 1.0, "handler": "service.py:handle", "serializedFile": "net.pt",
            "modelFile": "net.py", "requirementsFile": "requirements.txt", "configFile": "a.yaml",
        },
    }
).encode()  # fmt: skip
MODEL_CONFIG = b"""
minWorkers: 1
maxWorkers: 4
batchSize: 8
maxBatchDelay: 50
deviceType: gpu
deviceIds: [0, 1]
parallelType: pp
torchrun:
  nproc-per-node: 2
  OMP_NUMBER_THREADS: 1
handler: &a
  mapping: [1.5, text, true, 2026-01-02, null]
again: *a
"""
PROPERTIES = b"""# a comment
inference_address=http://127.0.0.1:8080
management_address: http://127.0.0.1\\
    :8081
allowed_urls=https://models.example/.*,file:///models/.*
load_models=a.mar,b=c.mar
models={"net": {"1.0": {"minWorkers": 1, "maxWorkers": 2, "batchSize": 4}}}
blacklist_env_vars=.*SECRET.*
job_queue_size=100
default_response_timeout=$$TIMEOUT$$
cors_allowed_origin=*
name\\u00e9=\\t\\n
"""
SNAPSHOT = json.dumps(
    {
        "name": "startup.cfg", "modelCount": 1,
        "models": {"net": {"1.0": {
            "defaultVersion": True, "marName": "net.mar", "minWorkers": 1, "maxWorkers": 2, "batchSize": 4,
            "maxBatchDelay": 100, "responseTimeout": 120, "startupTimeout": 120,
        }}},
    }
).encode()  # fmt: skip
METRICS = b"""
dimensions:
  - &level Level
ts_metrics:
  counter:
    - {name: Requests2XX, unit: Count, dimensions: [*level, Hostname]}
model_metrics:
  gauge:
    - name: HandlerTime
      unit: ms
      dimensions: [ModelName, *level]
"""
# Each level names the one below ten times: written out these are more values than there is memory.
LAUGHS = b"a: &a [x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (level, level, b",".join([b"*%c" % (level - 1)] * 10)) for level in range(ord("b"), ord("n"))
)
LAUGHING_METRICS = LAUGHS + b"ts_metrics: {counter: [{name: X, unit: *m, dimensions: []}]}\nmodel_metrics: *m\n"
REFUSAL = b"""<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access &amp; such</Message>
<Region>eu-west-1</Region><RequestId>4442587FB7D0A2F9</RequestId></Error>"""
SMALL = Limits(total=10_000_000, entries=1000, ratio=200, free_ratio_size=1_000_000, reserve=0)


def test_manifests() -> None:
    inputs = st.one_of(garbled(MANIFEST), st.binary(max_size=50))
    fuzz("manifests", inputs, lambda text: manifest.parse(text, "net.mar"), InvalidArchiveError)


def test_model_configurations() -> None:
    inputs = st.one_of(garbled(MODEL_CONFIG, LAUGHS), st.binary(max_size=50))
    fuzz("model configurations", inputs, model_config.parse)


def test_properties() -> None:
    def read(data: bytes) -> None:
        text = data.decode(errors="replace")
        properties.parse(text)
        properties.edited(text, {"job_queue_size": "7", "restore": None})

    fuzz("properties files", st.one_of(garbled(PROPERTIES), st.binary(max_size=50)), read, ValueError)


def test_configurations(tmp_path: Path) -> None:
    file = tmp_path / "config.properties"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        load([], {"TIMEOUT": "3"}, tmp_path, program="marina-server")

    snapshot = b"model_snapshot=" + SNAPSHOT + b"\n"
    fuzz("configurations", garbled(PROPERTIES, snapshot, PROPERTIES + snapshot), read, SettingsError)


def test_saved_settings(tmp_path: Path) -> None:
    file = tmp_path / "saved.properties"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        settings = load([], {}, tmp_path / "elsewhere", program="marina", saved=file)
        assert settings.describe()
        read_saved(file)

    fuzz("saved settings", garbled(PROPERTIES), read, SettingsError)


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "saved.properties"

    def read(value: tuple[bytes, str]) -> None:
        before, text = value
        file.write_bytes(before)
        save(file, {"default_service_handler": text})
        assert read_saved(file)["default_service_handler"] == text.strip()

    fuzz("saving settings", st.tuples(garbled(PROPERTIES), st.text()), read, SettingsError)


def test_snapshots() -> None:
    inputs = st.one_of(garbled(SNAPSHOT), st.binary(max_size=50)).map(lambda data: data.decode(errors="replace"))
    fuzz("snapshots", inputs, snapshots.model_snapshot, ValueError)


def test_declarations_of_metrics(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        declarations.load(file)

    inputs = st.one_of(garbled(METRICS, LAUGHING_METRICS), st.binary(max_size=50))
    fuzz("declarations of metrics", inputs, read, SettingsError)


def test_answers_of_s3() -> None:
    def read(value: tuple[int, bytes]) -> None:
        status, data = value
        text = data.decode(errors="replace")
        refusal = s3_answers.read_refusal(status, {"x-amz-bucket-region": text[:30]}, text)
        assert str(refusal).isprintable()

    fuzz("answers of S3", st.tuples(st.integers(0, 999), garbled(REFUSAL)), read)


def test_archives(tmp_path: Path) -> None:
    zipped = archive(tmp_path, files={"more/net.pt": bytes(2000)}).read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("net.pt"))
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as stored:
        stored.writestr("MAR-INF/MANIFEST.json", MANIFEST)

    def read(value: tuple[bytes, str]) -> None:
        data, suffix = value
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            file = Path(folder) / f"x{suffix}"
            file.write_bytes(data)
            try:
                inspect(file)
            finally:
                unpack(file, Path(folder) / "out", limits=SMALL)

    inputs = st.tuples(garbled(zipped, plain.getvalue(), packed.getvalue()), st.sampled_from([".mar", ".tar.gz"]))
    fuzz("archives", inputs, read, MarinaError)


def test_inputs_of_handlers() -> None:
    def read(value: tuple[bytes, str]) -> None:
        data, kind = value
        jobs = [{"inputs": [["a", kind, len(data) // 2], ["b", kind, len(data) - len(data) // 2]]}] * 2
        assert len(decode_rows(jobs, bytearray(data * 2), decode=True)) == 2

    kinds = st.sampled_from(["application/json", "text/plain; charset=x", "application/json;", "", "image/png"])
    body = json.dumps([MANIFEST.decode()] * 2).encode()
    fuzz("inputs of handlers", st.tuples(garbled(body, MANIFEST), kinds), read)
