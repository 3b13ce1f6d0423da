"""The Silero voice detector, run by its handler in this process."""

from __future__ import annotations

import importlib
import io
import json
import wave
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.archives import silero_archive

DATA = Path(__file__).parents[2] / "data"
TOLERANCE = 0.2  # seconds


@pytest.fixture
def handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler_path: None) -> Any:  # noqa: ARG001 - a path is set
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(silero_archive(tmp_path)) as packed:
        packed.extractall(folder)
    monkeypatch.syspath_prepend(str(folder))
    detector = importlib.import_module("silero_vad_handler").SileroVadHandler()
    manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text(encoding="utf-8"))
    detector.initialize(SimpleNamespace(system_properties={"model_dir": str(folder)}, manifest=manifest))
    return detector


def recording(frames: bytes, rate: int = 16_000) -> bytearray:
    target = io.BytesIO()
    with wave.open(target, "wb") as written:
        written.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        written.writeframes(frames)
    return bytearray(target.getvalue())


def test_finds_speech_where_it_is(handler: Any) -> None:
    truth = json.loads((DATA / "speech.json").read_text(encoding="utf-8"))
    [found] = handler.handle([{"body": bytearray((DATA / "speech.wav").read_bytes())}], None)
    assert len(found) == len(truth)
    for interval, true in zip(found, truth, strict=True):
        assert interval["start"] == pytest.approx(true["start"], abs=TOLERANCE)
        assert interval["end"] == pytest.approx(true["end"], abs=TOLERANCE)


def test_hears_nothing_in_silence(handler: Any) -> None:
    assert handler.handle([{"body": recording(b"")}, {"body": recording(bytes(32_000))}], None) == [[], []]


def test_takes_a_recording_that_ends_inside_a_sample(handler: Any) -> None:
    whole = (DATA / "speech.wav").read_bytes()
    [found] = handler.handle([{"body": bytearray(whole[: len(whole) // 2 + 1])}], None)
    assert len(found) == 1


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_refuses_another_sample_rate(handler: Any, rate: int) -> None:
    with pytest.raises(Exception, match="16 kHz") as refused:
        handler.handle([{"body": recording(bytes(2), rate)}], None)
    assert getattr(refused.value, "error_code", None) == 400


@pytest.mark.parametrize("body", [b"", b"RIFF nonsense", "text"])
def test_refuses_what_is_no_recording(handler: Any, body: object) -> None:
    with pytest.raises(Exception, match="WAV") as refused:
        handler.handle([{"body": body}], None)
    assert getattr(refused.value, "error_code", None) == 400
