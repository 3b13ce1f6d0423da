"""The sample model as it lies in the repository: small, and good at what it is for."""

from __future__ import annotations

import importlib
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SAMPLE = Path(__file__).parents[3] / "resources" / "sample"
REQUIRED = 0.97


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handler_path: None) -> Path:  # noqa: ARG001 - a path is set
    with zipfile.ZipFile(SAMPLE / "digits.mar") as packed:
        packed.extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def handler(unpacked: Path) -> Any:
    manifest = json.loads((unpacked / "MAR-INF" / "MANIFEST.json").read_text(encoding="utf-8"))
    context = SimpleNamespace(
        system_properties={"model_dir": str(unpacked), "gpu_id": None}, manifest=manifest, model_yaml_config={}
    )
    digits = importlib.import_module("digits_handler").DigitsHandler()
    digits.initialize(context)
    return digits


def test_reads_held_out_digits(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE))
    training = importlib.import_module("train_digits")
    _, held_out = training.split()
    rows = [{"body": bytearray(training.png(training.draw(pixels)))} for pixels in held_out.images]
    answers = handler.postprocess(handler.inference(handler.preprocess(rows)))
    right = sum(answer["digit"] == label for answer, label in zip(answers, held_out.labels.tolist(), strict=True))
    assert right / len(rows) >= REQUIRED


@pytest.mark.parametrize(("name", "digit"), [("zero", 0), ("four", 4), ("seven", 7)])
def test_reads_the_example_images(handler: Any, name: str, digit: int) -> None:
    body = bytearray((SAMPLE / f"{name}.png").read_bytes())
    [answer] = handler.postprocess(handler.inference(handler.preprocess([{"body": body}])))
    assert answer["digit"] == digit


def test_says_what_to_send_when_the_body_is_no_image(handler: Any) -> None:
    with pytest.raises(Exception, match="no image") as refused:
        handler.preprocess([{"body": bytearray(b"not an image")}])
    assert getattr(refused.value, "error_code", None) == 400


def test_tells_no_path_of_the_machine_that_trained_it(unpacked: Path) -> None:
    with zipfile.ZipFile(unpacked / "digits.pt") as network:
        told = [name for name in network.namelist() if b"site-packages" in network.read(name)]
    assert told == []


def test_is_small_and_up_to_date(unpacked: Path) -> None:
    assert (SAMPLE / "digits.mar").stat().st_size < 1_000_000
    for name in ("digits_handler.py", "digits_image.py"):
        assert (unpacked / name).read_text(encoding="utf-8") == (SAMPLE / name).read_text(encoding="utf-8")
