"""Making archives: what files are taken for, what is missing in words, and what torch-model-archiver would write."""

from __future__ import annotations

import json
import os
import random
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.archives.summary import inspect
from engine.errors import BadRequestError, CancelledActError, ConflictError, InvalidArchiveError
from engine.making import ArchivePlan, Kind, Part, guess, look, make, place_for
from engine.snapshots import Progress


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as people keep one."""
    model = tmp_path / "my digits"
    model.mkdir()
    script(model / "net.pt")
    (model / "digits_handler.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    (model / "helpers.py").write_text("", encoding="utf-8")
    (model / "requirements.txt").write_text("", encoding="utf-8")
    (model / "model-config.yaml").write_text("batchSize: 4", encoding="utf-8")
    (model / "labels").mkdir()
    (model / "labels" / "en.json").write_text("{}", encoding="utf-8")
    (model / "__pycache__").mkdir()
    (model / "__pycache__" / "old.pyc").write_bytes(b"")
    (model / ".git").mkdir()
    (model / ".git" / "HEAD").write_text("", encoding="utf-8")
    (model / "link").symlink_to("/etc/hostname")
    return model


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "store"
    place.mkdir()
    return place


def script(path: Path) -> Path:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    return path


def parts(**kinds: Kind) -> tuple[Part, ...]:
    return tuple(Part(name.replace("__", "."), Path(name), 10, kind) for name, kind in kinds.items())


NET = parts(net__pt=Kind.SCRIPT)
GOOD = ArchivePlan("digits", "1.0", "image_classifier", NET, "net.pt")


def test_a_folder_is_read_by_its_names_alone(folder: Path) -> None:
    plan = look([folder])
    assert [part.name for part in plan.parts] == [
        "digits_handler.py",
        "helpers.py",
        "labels/en.json",
        "model-config.yaml",
        "net.pt",
        "requirements.txt",
    ]
    assert (plan.name, plan.version, plan.handler) == ("my-digits", "1.0", "digits_handler.py")
    assert (plan.serialized_file, plan.model_file) == ("net.pt", "")
    assert (plan.requirements_file, plan.config_file) == ("requirements.txt", "model-config.yaml")
    assert plan.problem() == ""
    assert plan.size == sum(part.path.stat().st_size for part in plan.parts)


def test_torchscript_is_told_from_weights_and_exported_programs(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 2)
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    torch.save(net.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.export.save(torch.export.export(net, (torch.ones(1, 2),)), tmp_path / "program.pt2")
    script(tmp_path / "script.pt")
    (tmp_path / "net.onnx").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    assert {part.name: part.kind for part in look([tmp_path]).parts} == {
        "weights.pt": Kind.WEIGHTS,
        "old.pth": Kind.WEIGHTS,
        "program.pt2": Kind.PROGRAM,
        "script.pt": Kind.SCRIPT,
        "net.onnx": Kind.ONNX,
        "notes.txt": Kind.OTHER,
    }


def test_weights_come_with_the_file_of_their_class() -> None:
    found = parts(weights__pt=Kind.WEIGHTS, handler__py=Kind.PYTHON, model__py=Kind.PYTHON)
    plan = guess("net", found)
    assert (plan.serialized_file, plan.model_file, plan.handler) == ("weights.pt", "model.py", "handler.py")


def test_a_lone_file_of_python_is_the_handler() -> None:
    assert guess("net", parts(net__pt=Kind.SCRIPT, main__py=Kind.PYTHON)).handler == "main.py"
    assert guess("net", parts(a__py=Kind.PYTHON, b__py=Kind.PYTHON)).handler == ""


def test_an_unpacked_archive_stays_what_it_says(folder: Path) -> None:
    (folder / "MAR-INF").mkdir()
    manifest = {
        "model": {
            "modelName": "digits",
            "modelVersion": "3",
            "handler": "helpers:f",
            "serializedFile": "net.pt",
            "modelFile": "gone.py",
        },
        "description": "Reads digits",
    }
    (folder / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    plan = look([folder])
    assert (plan.name, plan.version, plan.handler, plan.description) == ("digits", "3", "helpers:f", "Reads digits")
    assert (plan.serialized_file, plan.model_file) == ("net.pt", "")
    assert "MAR-INF/MANIFEST.json" not in [part.name for part in plan.parts]


def test_an_unreadable_manifest_is_named(folder: Path) -> None:
    (folder / "MAR-INF").mkdir()
    (folder / "MAR-INF" / "MANIFEST.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidArchiveError, match="my digits"):
        look([folder])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"parts": ()}, "Add the files"),
        ({"name": ""}, "Type a name"),
        ({"name": "two words"}, "starts with a letter"),
        ({"version": "1/2"}, "Type a version"),
        ({"file_name": "a:b.mar"}, "cannot be called"),
        ({"handler": ""}, "Choose the handler"),
        ({"handler": "gone.py"}, "gone.py is neither"),
        ({"serialized_file": ""}, "image_classifier needs a model file"),
        ({"parts": parts(net__pt=Kind.WEIGHTS)}, "holds weights alone"),
        ({"parts": parts(net__pt=Kind.PROGRAM)}, "exported program"),
        ({"parts": parts(net__jit=Kind.SCRIPT), "serialized_file": "net.jit"}, "ends in .pt"),
    ],
)
def test_what_is_missing_is_said(changed: dict[str, object], reason: str) -> None:
    assert GOOD.problem() == ""
    assert reason in replace(GOOD, **changed).problem()  # type: ignore[arg-type]  # pairs of a name and its value


def test_a_handler_of_ones_own_loads_what_it_likes() -> None:
    own = (*parts(handler__py=Kind.PYTHON), *parts(net__pt=Kind.WEIGHTS))
    assert ArchivePlan("digits", "1.0", "handler.py:answer", own, "net.pt").problem() == ""


def test_parts_go_and_take_their_roles_with_them(folder: Path) -> None:
    plan = look([folder])
    left = plan.without(["net.pt", "digits_handler.py"])
    assert (left.serialized_file, left.handler, left.config_file) == ("", "", "model-config.yaml")
    assert left.with_parts(plan.parts).part("net.pt") is not None


def test_parts_of_one_name_replace_each_other_through_any_history() -> None:
    dice = random.Random(5)
    plan, expected = ArchivePlan(), dict[str, Part]()
    for step in range(300):
        name = f"{dice.randrange(8)}.bin"
        if dice.random() < 0.6:
            expected[name] = Part(name, Path(str(step)), step, Kind.OTHER)
            plan = plan.with_parts([expected[name]])
        else:
            expected.pop(name, None)
            plan = plan.without([name])
        assert {part.name: part for part in plan.parts} == expected


def test_the_manifest_is_the_one_that_torch_model_archiver_writes(folder: Path, store: Path) -> None:
    """Recorded from torch-model-archiver 0.12.0, which was given the same files by its options."""
    made = make(replace(look([folder]), name="digits", version="2.0"), store)
    with zipfile.ZipFile(made) as archive:
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
        assert sorted(archive.namelist()) == [
            "MAR-INF/MANIFEST.json",
            "digits_handler.py",
            "helpers.py",
            "labels/en.json",
            "model-config.yaml",
            "net.pt",
            "requirements.txt",
        ]
    del manifest["createdOn"], manifest["archiverVersion"]
    assert manifest == {
        "runtime": "python",
        "model": {
            "modelName": "digits",
            "serializedFile": "net.pt",
            "handler": "digits_handler.py",
            "modelVersion": "2.0",
            "requirementsFile": "requirements.txt",
            "configFile": "model-config.yaml",
        },
    }


def test_an_archive_in_the_store_is_never_overwritten(folder: Path, store: Path) -> None:
    plan = replace(look([folder]), name="digits")
    assert place_for("digits.mar", store) == store / "digits.mar"
    make(plan, store)
    before = (store / "digits.mar").read_bytes()
    with pytest.raises(ConflictError, match=r"digits\.mar is in the model store already"):
        make(plan, store)
    place = place_for("digits.mar", store)
    assert place == store / "digits-2.mar"
    make(replace(plan, file_name=place.name), store)
    assert sorted(path.name for path in store.iterdir()) == ["digits-2.mar", "digits.mar"]
    assert (store / "digits.mar").read_bytes() == before
    assert inspect(place).model_name == "digits"


def test_a_plan_with_a_problem_is_refused(store: Path) -> None:
    with pytest.raises(BadRequestError, match="Add the files"):
        make(ArchivePlan("digits"), store)
    assert list(store.iterdir()) == []


def test_a_file_that_went_away_leaves_nothing(folder: Path, store: Path) -> None:
    plan = look([folder])
    (folder / "net.pt").unlink()
    with pytest.raises(FileNotFoundError):
        make(plan, store)
    assert list(store.iterdir()) == []


def test_progress_counts_and_cancelling_leaves_nothing(folder: Path, store: Path) -> None:
    (folder / "large.bin").write_bytes(os.urandom(5_000_000))
    plan, cancel, steps = look([folder]), threading.Event(), list[Progress]()

    def watch(step: Progress) -> None:
        steps.append(step)
        cancel.set()

    with pytest.raises(CancelledActError):
        make(plan, store, watch, cancel)
    assert list(store.iterdir()) == []
    assert (steps[0].phase, steps[0].total) == ("packing", plan.size)
    assert 0 < steps[0].done < plan.size


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.making.MOST_FILES", 3)
    for number in range(4):
        (tmp_path / str(number)).touch()
    with pytest.raises(BadRequestError, match="more than 3 files"):
        look([tmp_path])
