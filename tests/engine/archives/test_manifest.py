"""The manifest: what TorchServe reads from it, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.archives.manifest import Manifest, parse
from engine.errors import InvalidArchiveError


def of_model(**model: Any) -> str:
    return json.dumps({"model": model})


def test_a_whole_manifest_is_read_and_kept() -> None:
    raw = {
        "createdOn": "28/07/2020 06:32:08",
        "runtime": "python3",
        "model": {
            "modelName": "dense",
            "modelVersion": "2.1",
            "description": "finds cats",
            "handler": "image_classifier",
            "serializedFile": "dense.pth",
            "modelFile": "model.py",
            "configFile": "config/model.yaml",
            "requirementsFile": "requirements.txt",
            "sourceVocab": "vocab.pt",
            "extensions": {"ours": 1},
        },
        "archiverVersion": "0.2.0",
    }

    manifest = parse(json.dumps(raw), "x.mar")

    assert manifest == Manifest(
        runtime="python3",
        archiver_version="0.2.0",
        created_on="28/07/2020 06:32:08",
        description="finds cats",
        model_name="dense",
        version="2.1",
        handler="image_classifier",
        serialized_file="dense.pth",
        model_file="model.py",
        requirements_file="requirements.txt",
        config_file="config/model.yaml",
        source_vocab="vocab.pt",
        raw=raw,
    )


def test_without_a_manifest_everything_is_the_default() -> None:
    assert parse(None, "x.mar") == Manifest(runtime="python", version="1.0", raw={})


@pytest.mark.parametrize("text", ["{}", '{"model": {}}', '{"model": null}', b'{"runtime": null}'])
def test_what_is_missing_is_the_default(text: str) -> None:
    manifest = parse(text, "x.mar")

    assert (manifest.runtime, manifest.version, manifest.model_name) == ("python", "1.0", "")


def test_a_number_is_taken_as_it_reads() -> None:
    assert parse(of_model(modelVersion=1.5), "x.mar").version == "1.5"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not json", "line 1 column 1"),
        ("", "line 1 column 1"),
        (b"\xff\xfe\x00", "Failed to parse"),
        ("[]", "the manifest must be an object"),
        ('{"model": []}', "model must be an object"),
        (of_model(modelName=["a"]), "modelName must be a text"),
        (of_model(handler={"a": 1}), "handler must be a text"),
        (of_model(modelVersion=True), "modelVersion must be a text"),
        (" " * 2_000_000, "larger than"),
        ('{"a":' * 100 + "1" + "}" * 100, "nested deeper than 64"),
        ("[" * 10_000, "nested too deeply"),
        ('{"n": ' + "9" * 5000 + "}", "Failed to parse"),
    ],
)
def test_what_cannot_be_read_names_the_archive_and_the_file(text: str | bytes, reason: str) -> None:
    with pytest.raises(InvalidArchiveError, match=r"x\.mar: Failed to parse MAR-INF/MANIFEST\.json: ") as refusal:
        parse(text, "x.mar")
    assert reason in str(refusal.value)


@pytest.mark.parametrize("runtime", ["java", "PYTHON", "python2"])
def test_an_unknown_runtime_is_refused_in_torchserves_words(runtime: str) -> None:
    with pytest.raises(InvalidArchiveError, match=r"^Runtime is not defined or invalid\.$"):
        parse(json.dumps({"runtime": runtime}), "x.mar")


@pytest.mark.parametrize("runtime", ["python", "python3", "LSP"])
def test_torchserves_runtimes_are_known(runtime: str) -> None:
    assert parse(json.dumps({"runtime": runtime}), "x.mar").runtime == runtime


@pytest.mark.parametrize("key", ["serializedFile", "modelFile", "requirementsFile", "configFile", "sourceVocab"])
@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "..\\x", "C:x"])
def test_a_file_outside_the_archive_is_refused(key: str, path: str) -> None:
    with pytest.raises(InvalidArchiveError, match=f"{key} .* leads out of the archive"):
        parse(of_model(**{key: path}), "x.mar")


@pytest.mark.parametrize("handler", ["../../x.py:handle", "..\\x.py", "a\x00b"])
def test_a_handler_outside_the_archive_is_refused(handler: str) -> None:
    with pytest.raises(InvalidArchiveError, match="leads out of the archive"):
        parse(of_model(handler=handler), "x.mar")


def test_rich_text_in_a_name_stays_text() -> None:
    assert parse(of_model(modelName="<img src=x>"), "x.mar").model_name == "<img src=x>"
