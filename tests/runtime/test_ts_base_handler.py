"""The stock handler, with networks small enough to compute by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from engine.runtime.frames import Kind
from ts.context import Context, RequestProcessor
from ts.handler_utils.timer import timed
from ts.metrics import emission
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
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


def make_context(folder: Path, model: Any, config: Any = None, gpu_id: int | None = None) -> Context:
    metrics = MetricsCacheYamlImpl()
    metrics.model_name = "net"
    manifest = None if model is None else {"model": {"modelName": "net", **model}}
    return Context("net", str(folder), manifest, 1, gpu_id, "0.1", metrics=metrics, model_yaml_config=config)


def with_headers(context: Context, **headers: str) -> Context:
    context.request_processor = [RequestProcessor(headers)]
    return context


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
    with pytest.raises(Exception, match="weights_only"):
        BaseHandler().initialize(make_context(archive, model))


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (None, {}),
        ({}, {}),
        ({"pt2": "inductor"}, {"backend": "inductor"}),
        ({"pt2": {"backend": "eager", "mode": "default"}}, {"backend": "eager", "mode": "default"}),
        ({"pt2": {"compile": {"enable": True, "backend": "eager"}}}, {"backend": "eager"}),
        ({"pt2": {"compile": {"enable": False, "backend": "eager"}}}, {}),
        ({"pt2": {"export": {"aot_compile": True}}}, {}),
    ],
)
def test_compile_options_come_from_the_config(config: Any, options: dict[str, str]) -> None:
    handler = BaseHandler()
    handler.model_yaml_config = config
    assert handler._compile_options() == options


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
    assert (loaded.kind, loaded.meta) == (Kind.LOADED, {"device": "cpu"})
    assert json.loads(worker.predict(b"[1.5]").body) == [3.0]
