"""DeepSpeed, and the handlers that only say what to use in their place."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.handlers import make_context
from ts.handler_utils.distributed.deepspeed import create_checkpoints_json, get_ds_engine
from ts.handler_utils.distributed.pt_pippy import get_pipeline_driver, initialize_rpc_workers
from ts.handler_utils.preprocess.dali import get_dali_pipeline
from ts.torch_handler.distributed.base_deepspeed_handler import BaseDeepSpeedHandler
from ts.torch_handler.distributed.base_pippy_handler import BasePippyHandler


@pytest.fixture
def deepspeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in whose engine is what it was made with."""
    stand_in = SimpleNamespace(init_inference=lambda model, **files: (model, files))
    monkeypatch.setitem(sys.modules, "deepspeed", stand_in)


@pytest.mark.usefixtures("deepspeed")
def test_an_engine_is_made_with_the_files_that_the_config_names(tmp_path: Path) -> None:
    for name in ("ds.json", "parts.json"):
        (tmp_path / name).write_text("{}")
    section = {"config": "ds.json", "checkpoint": "parts.json"}
    files = {"config": str(tmp_path / "ds.json"), "checkpoint": str(tmp_path / "parts.json")}
    assert get_ds_engine("net", make_context(tmp_path, {}, {"deepspeed": section})) == ("net", files)


@pytest.mark.usefixtures("deepspeed")
@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (None, "model-config of net has no deepspeed section with a config"),
        ({"deepspeed": {"checkpoint": "parts.json"}}, "no deepspeed section with a config"),
        ({"deepspeed": {"config": "absent.json"}}, r"deepspeed config absent\.json of net is not in the archive"),
    ],
)
def test_what_an_engine_lacks_is_named(config: Any, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=problem):
        get_ds_engine("net", make_context(tmp_path, {}, config))


def test_deepspeed_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    (tmp_path / "ds.json").write_text("{}")
    with pytest.raises(ImportError, match="get_ds_engine needs the package deepspeed"):
        get_ds_engine("net", make_context(tmp_path, {}, {"deepspeed": {"config": "ds.json"}}))


def test_the_weights_of_a_folder_are_listed_for_deepspeed(tmp_path: Path) -> None:
    for name in ("b.bin", "a.pt", "readme.md"):
        (tmp_path / name).touch()
    create_checkpoints_json(str(tmp_path), str(tmp_path / "list.json"))
    assert json.loads((tmp_path / "list.json").read_text()) == {
        "type": "ds_model", "checkpoints": ["a.pt", "b.bin"], "version": 1.0,
    }  # fmt: skip


def test_a_deepspeed_handler_takes_the_device_of_its_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(BaseDeepSpeedHandler):
        pass

    handler = Mine()
    handler.initialize(make_context(tmp_path, {}))
    assert handler.get_device() == 0
    monkeypatch.setenv("LOCAL_RANK", "3")
    handler.initialize(make_context(tmp_path, {}))
    assert handler.get_device() == 3


@pytest.mark.parametrize(
    ("module", "name", "instead"),
    [
        ("distributed.base_pippy_handler", "BasePippyHandler", r"torch\.distributed\.pipelining"),
        ("dali_handler", "DALIHandler", "image_classifier"),
        ("dali_image_classifier", "DALIImageClassifier", "image_classifier"),
        ("vllm_handler", "VLLMHandler", "install vllm and bring a handler of your own"),
        ("trt_llm_handler", "TRTLLMHandler", "install tensorrt_llm and bring a handler of your own"),
    ],
)
def test_a_handler_that_is_not_supported_says_what_to_use(module: str, name: str, instead: str, tmp_path: Path) -> None:
    handler = getattr(importlib.import_module(f"ts.torch_handler.{module}"), name)()
    with pytest.raises(NotImplementedError, match=f"{name} of model net: .*not supported.*{instead}"):
        handler.initialize(make_context(tmp_path, {}))


def test_helpers_that_are_not_supported_say_what_to_use(tmp_path: Path) -> None:
    class Mine(BasePippyHandler):
        pass

    context = make_context(tmp_path, {})
    with pytest.raises(NotImplementedError, match="Mine of model net: pipelines with PiPPy are not supported"):
        Mine().initialize(context)
    with pytest.raises(NotImplementedError, match="PiPPy"):
        initialize_rpc_workers(0, 1, context)
    with pytest.raises(NotImplementedError, match="PiPPy"):
        get_pipeline_driver(None, 1, context)
    with pytest.raises(NotImplementedError, match="DALI"):
        get_dali_pipeline(batch_size=1)
