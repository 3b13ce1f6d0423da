"""The stock handler, with networks small enough to compute by hand."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import torch

from engine.runtime.frames import Kind
from tests.support.handlers import make_context, with_headers
from ts.context import Context
from ts.handler_utils.timer import timed
from ts.handler_utils.weights import TRUST_SWITCH, load_weights
from ts.metrics import emission
from ts.torch_handler import base_handler
from ts.torch_handler.base_handler import BaseHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.runtime.conftest import WorkerProcess

NET = """
import torch

class Doubler(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return x * self.factor
"""


class Doubler(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("doubler_net", None)


def write_eager(folder: Path, name: str = "doubler_net.py") -> dict[str, str]:
    (folder / name).write_text(NET)
    torch.save({"factor": torch.tensor(2.0)}, folder / "weights.pt")
    return {"modelFile": name, "serializedFile": "weights.pt"}


def write_script(folder: Path) -> dict[str, str]:
    torch.jit.trace(Doubler(), torch.ones(2)).save(str(folder / "script.pt"))  # type: ignore[no-untyped-call]
    return {"serializedFile": "script.pt"}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("write", [write_eager, write_script])
def test_a_model_is_loaded_and_answers(archive: Path, write: Callable[[Path], dict[str, str]]) -> None:
    (archive / "index_to_name.json").write_text(json.dumps({"0": "cat"}))
    handler = BaseHandler()
    context = make_context(archive, write(archive))
    handler.initialize(context)
    assert (handler.initialized, handler.mapping, str(handler.get_device())) == (True, {"0": "cat"}, "cpu")
    assert not handler.model.training
    assert handler.handle([[1.0, 2.0]], with_headers(context)) == [[2.0, 4.0]]  # type: ignore[list-item]


def test_a_model_file_alone_gives_an_untrained_model(archive: Path) -> None:
    write_eager(archive)
    handler = BaseHandler()
    handler.initialize(make_context(archive, {"modelFile": "doubler_net.py"}))
    assert handler.model.factor.item() == 1.0


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (None, "manifest has no model section"),
        ({}, "the manifest names no file"),
        ({"serializedFile": "net.bin"}, "the manifest names net.bin"),
        ({"modelFile": "absent.py"}, "absent.py is missing"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_named(archive: Path, model: Any, problem: str) -> None:
    with pytest.raises(RuntimeError, match=problem):
        BaseHandler().initialize(make_context(archive, model))


def test_weights_are_never_run_as_code(archive: Path) -> None:
    model = write_eager(archive)
    torch.save(Path("/"), archive / "weights.pt")
    with pytest.raises(RuntimeError, match=r"weights.pt holds more than tensors.*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1"):
        BaseHandler().initialize(make_context(archive, model))


def test_who_trusts_a_pickle_says_so_in_the_environment(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"factor": Fraction(1, 2)}, archive / "any.pt")
    monkeypatch.setenv(TRUST_SWITCH, "1")
    assert load_weights(str(archive / "any.pt"), None) == {"factor": Fraction(1, 2)}


@pytest.mark.parametrize(
    ("gpu_id", "cuda", "mps", "expected"),
    [
        (1, True, True, ("cuda", "cuda:1")),
        (None, True, True, ("cpu", "cpu")),
        (0, False, True, ("mps", "mps")),
        (0, False, False, ("cpu", "cpu")),
    ],
)
def test_the_device_is_the_first_that_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, gpu_id: int | None, *, cuda: bool, mps: bool, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 0))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    handler = BaseHandler()
    handler._choose_device(gpu_id)
    assert (handler.map_location, str(handler.device)) == expected


def test_intels_gpus_are_taken_when_the_environment_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: True)
    monkeypatch.setenv("TS_IPEX_GPU_ENABLE", "true")
    handler = BaseHandler()
    handler._choose_device(1)
    assert (handler.map_location, str(handler.device)) == ("xpu", "xpu:1")


class FakeOnnx:
    """As much of onnxruntime as a session takes."""

    class SessionOptions:
        intra_op_num_threads = 0

    class InferenceSession:
        def __init__(self, path: str, options: FakeOnnx.SessionOptions, providers: list[str]) -> None:
            self.made_with = (Path(path).name, options.intra_op_num_threads, providers)


def test_onnx_models_run_in_a_session_of_onnxruntime(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    monkeypatch.setattr(base_handler, "ort", FakeOnnx)
    handler = BaseHandler()
    handler.initialize(make_context(archive, {"serializedFile": "net.onnx"}))
    assert handler.model.made_with == ("net.onnx", torch.get_num_threads(), ["CPUExecutionProvider"])
    session = base_handler.setup_ort_session("net.onnx", "cuda")
    assert session.made_with[2] == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_onnx_models_without_onnxruntime_name_what_to_install(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="BaseHandler needs the package onnxruntime"):
        BaseHandler().initialize(make_context(archive, {"serializedFile": "net.onnx"}))


def test_models_compiled_ahead_of_time_are_loaded_when_the_config_says_so(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch._export, "aot_load", lambda path, device: (Path(path).name, device))
    config = {"pt2": {"export": {"aot_compile": True}}}
    handler = BaseHandler()
    handler.initialize(make_context(archive, {"serializedFile": "net.so"}, config))
    assert handler.model == ("net.so", "cpu")
    with pytest.raises(RuntimeError, match=r"the manifest names net\.so.*aot_compile: true"):
        BaseHandler().initialize(make_context(archive, {"serializedFile": "net.so"}))


@pytest.mark.parametrize(("backend", "compiled"), [("eager", True), ("steam", False)])
def test_a_model_is_compiled_by_a_known_backend_only(archive: Path, backend: str, *, compiled: bool) -> None:
    handler = BaseHandler()
    handler.initialize(make_context(archive, write_eager(archive), {"pt2": backend}))
    assert hasattr(handler.model, "_orig_mod") is compiled


class Words(BaseHandler):
    """Describes and explains without a model."""

    def preprocess(self, data: Any) -> Any:
        return data

    def inference(self, data: Any) -> Any:
        return data

    def postprocess(self, data: Any) -> list[Any]:
        return ["predicted"] * len(data)

    def describe_handle(self) -> Any:
        return {"words": 2}

    def get_insights(self, prepared: Any, inputs: Any, target: Any) -> list[Any]:
        return [prepared, inputs, target]


def test_the_first_request_decides_between_prediction_description_and_explanation(tmp_path: Path) -> None:
    context, handler = make_context(tmp_path, {}), Words()
    row = {"data": "a", "target": 3}
    assert handler.handle([row], with_headers(context, explain="False")) == ["predicted"]
    assert handler.handle([row], with_headers(context, describe="True")) == [{"words": 2}]
    assert handler.handle([row], with_headers(context, explain="True")) == [[row], "a", 3]
    assert handler.handle([{"body": "b"}], with_headers(context, explain="True")) == [[{"body": "b"}], "b", 0]
    assert handler.handle(["an envelope's"], with_headers(context, explain="True")) == [["an envelope's"], None, 0]  # type: ignore[list-item]
    assert handler.explain


def test_the_time_of_a_batch_is_emitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(emission, "_sinks", [emitted.append])
    Words().handle([{}], with_headers(make_context(tmp_path, {})))
    assert [(metric["name"], metric["unit"]) for metric in emitted] == [("HandlerTime", "Milliseconds")]


def test_a_profile_is_written_when_the_environment_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_TORCH_PROFILER", "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    handler = Words()
    handler.manifest = {"model": {"modelName": "net"}}
    assert handler.handle([{}], with_headers(make_context(tmp_path, {}))) == ["predicted"]
    assert list((tmp_path / "pytorch_profiler" / "net").glob("*.json"))
    assert handler.handle([{}], with_headers(make_context(tmp_path, {}), describe="True")) == [{"words": 2}]


class Timed:
    device = torch.device("cpu")

    def __init__(self, context: Context | None) -> None:
        self.context = context

    @timed
    def preprocess(self, data: int) -> int:
        return data + 1


@pytest.mark.parametrize(
    ("config", "names"),
    [({"handler": {"profile": True}}, ["ts_handler_preprocess"]), ({"handler": {}}, []), ({}, []), (None, [])],
)
def test_steps_are_timed_when_the_config_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Any, names: list[str]
) -> None:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(emission, "_sinks", [emitted.append])
    assert Timed(make_context(tmp_path, {}, config)).preprocess(1) == 2
    assert [metric["name"] for metric in emitted] == names
    assert Timed(None).preprocess(1) == 2


def test_a_worker_serves_an_eager_model_by_its_stock_handler(
    start_worker: Callable[..., WorkerProcess], model_dir: Path
) -> None:
    manifest = {"model": {"modelName": "net", **write_eager(model_dir)}}
    (model_dir / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest))
    worker = start_worker(
        """
        import torch
        from ts.torch_handler.base_handler import BaseHandler

        class Numbers(BaseHandler):
            def preprocess(self, data):
                return torch.tensor([row["body"] for row in data])
        """
    )
    loaded = worker.load("h.py")
    assert (loaded.kind, loaded.meta["device"]) == (Kind.LOADED, "cpu")
    assert json.loads(worker.predict(b"[1.5]").body) == [3.0]
