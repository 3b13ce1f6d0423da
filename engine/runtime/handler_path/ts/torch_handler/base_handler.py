"""The handler that others derive from: loads a model, then preprocess, inference and postprocess per batch."""

from __future__ import annotations

import importlib
import logging
import os
import re
import tempfile
import time
from abc import ABC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..handler_utils.timer import timed
from ..utils.util import check_valid_pt2_backend, list_classes_from_module, load_label_mapping

if TYPE_CHECKING:
    from ..context import Context


def _import_if_installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


ort = _import_if_installed("onnxruntime")
xm = _import_if_installed("torch_xla.core.xla_model")
ipex: Any = _import_if_installed("intel_extension_for_pytorch") if os.environ.get("TS_IPEX_ENABLE") == "true" else None

ONNX_AVAILABLE = ort is not None
XLA_AVAILABLE = xm is not None
IPEX_AVAILABLE = ipex is not None
_TORCH_VERSION = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:3])
PROFILER_AVAILABLE = hasattr(torch, "profiler")
PT2_AVAILABLE = hasattr(torch, "compile")
PT230_AVAILABLE = _TORCH_VERSION > (2, 2, 2)

logger = logging.getLogger(__name__)


def setup_ort_session(model_pt_path: str, map_location: str | None) -> Any:
    """Return an ONNX Runtime session for the model, on the GPU when `map_location` is "cuda"."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    providers = ["CUDAExecutionProvider"] if map_location == "cuda" else []
    return ort.InferenceSession(model_pt_path, options, providers=[*providers, "CPUExecutionProvider"])


class BaseHandler(ABC):  # noqa: B024 - TorchServe: abstract by name, yet archives may use it as it is
    """Derive from it and override `preprocess`, `inference` or `postprocess`."""

    def __init__(self) -> None:
        self.model: Any = None
        self.mapping: dict[str, str] | None = None
        self.device: Any = None
        self.initialized = False
        self.context: Any = None
        self.model_pt_path: str | None = None
        self.manifest: Any = None
        self.map_location: str | None = None
        self.explain = False
        self.target = 0
        self.profiler_args: dict[str, Any] = {}

    def initialize(self, context: Context) -> None:
        """Choose the device, load the model that the manifest names, and the labels; raises RuntimeError if none."""
        self.model_yaml_config = context.model_yaml_config
        self.manifest = context.manifest
        if not self.manifest or "model" not in self.manifest:
            raise RuntimeError("The archive's manifest has no model section, so there is no model to load")
        properties = context.system_properties
        self._choose_device(properties.get("gpu_id"))
        model_dir = properties["model_dir"]
        serialized_file = self.manifest["model"].get("serializedFile")
        self.model_pt_path = str(Path(model_dir, serialized_file)) if serialized_file else None
        self.model = self._load_model(model_dir, self.manifest["model"].get("modelFile"))
        self._optimize_model()
        self.mapping = load_label_mapping(str(Path(model_dir, "index_to_name.json")))
        self.initialized = True

    def _choose_device(self, gpu_id: int | None) -> None:
        if torch.cuda.is_available() and gpu_id is not None:
            self.map_location, self.device = "cuda", torch.device(f"cuda:{gpu_id}")
        elif os.environ.get("TS_IPEX_GPU_ENABLE", "false") == "true" and gpu_id is not None:
            self.map_location, self.device = "xpu", torch.device(f"xpu:{gpu_id}")
        elif torch.backends.mps.is_available() and gpu_id is not None:
            self.map_location, self.device = "mps", torch.device("mps")
        elif XLA_AVAILABLE:
            self.map_location, self.device = None, xm.xla_device()
        else:
            self.map_location, self.device = "cpu", torch.device("cpu")

    def _load_model(self, model_dir: str, model_file: str | None) -> Any:
        if model_file:
            model = self._load_pickled_model(model_dir, model_file, self.model_pt_path)
            model.to(self.device)
            model.eval()
            return model
        path = self.model_pt_path or ""
        if path.endswith(".pt"):
            model = self._load_torchscript_model(path)
            model.eval()
            return model
        if path.endswith(".onnx") and ONNX_AVAILABLE:
            return setup_ort_session(path, self.map_location)
        if path.endswith(".so") and self._use_torch_export_aot_compile():
            return self._load_torch_export_aot_compile(path)
        raise RuntimeError(f"No model weights could be loaded: the manifest names {Path(path).name or 'no file'}")

    def _load_torchscript_model(self, model_pt_path: str) -> Any:
        return torch.jit.load(model_pt_path, map_location=self.device)  # type: ignore[no-untyped-call]  # torch's lack

    def _load_pickled_model(self, model_dir: str, model_file: str, model_pt_path: str | None) -> Any:
        """Return the one class of `model_file` with the weights of `model_pt_path`, which are data and never code."""
        if not Path(model_dir, model_file).is_file():
            raise RuntimeError(f"The model file {model_file} is missing from the archive")
        classes = list_classes_from_module(importlib.import_module(model_file.partition(".")[0]))
        if len(classes) != 1:
            raise ValueError(f"Expected only one class as model definition in {model_file}, found {classes}")
        model = classes[0]()
        if model_pt_path:
            weights = torch.load(model_pt_path, map_location=self.map_location, weights_only=True)
            model.load_state_dict(weights)
        return model

    def _load_torch_export_aot_compile(self, model_so_path: str) -> Any:
        device = "cuda" if self.map_location == "cuda" else "cpu"
        return torch._export.aot_load(model_so_path, device)  # noqa: SLF001 - its only name

    def _use_torch_export_aot_compile(self) -> bool:
        section = self._pt2_options()
        export = section.get("export") if isinstance(section, dict) else None
        return PT230_AVAILABLE and isinstance(export, dict) and export.get("aot_compile") is True

    def _pt2_options(self) -> Any:
        config = getattr(self, "model_yaml_config", None)
        return config.get("pt2") if isinstance(config, dict) else None

    def _compile_options(self) -> dict[str, Any]:
        """Return the keywords for torch.compile, empty for no compilation.

        TorchServe: `pt2: {compile: {enable: true, backend: ...}}`, before `pt2: BACKEND` and `pt2: {backend: ...}`.
        """
        section = self._pt2_options()
        if isinstance(section, str):
            section = {"backend": section}
        if not isinstance(section, dict) or "export" in section:
            return {}
        if "compile" in section:
            options = dict(section["compile"])
            return options if options.pop("enable", False) is True else {}
        return dict(section)

    def _optimize_model(self) -> None:
        options = self._compile_options()
        if options and PT2_AVAILABLE and check_valid_pt2_backend(options.get("backend", "inductor")):
            try:
                self.model = torch.compile(self.model, **options)
                logger.info("Compiled model with %s", options)
            except Exception as error:  # noqa: BLE001 - an uncompiled model serves as well
                logger.warning("Compiling the model with %s failed, it stays uncompiled: %s", options, error)
        elif IPEX_AVAILABLE:
            self.model = ipex.optimize(self.model.to(memory_format=torch.channels_last))

    @timed
    def preprocess(self, data: Any) -> Any:
        """Return the batch as one tensor on the device."""
        return torch.as_tensor(data, device=self.device)

    @timed
    def inference(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the model makes of the batch."""
        with torch.inference_mode():
            return self.model(data.to(self.device), *args, **kwargs)

    @timed
    def postprocess(self, data: Any) -> list[Any]:
        """Return one answer per request."""
        answers: list[Any] = data.tolist()
        return answers

    def handle(self, data: list[dict[str, Any]], context: Context) -> Any:
        """Answer a batch: a prediction, an explanation, or the description of the model, as its first request asks."""
        started = time.perf_counter()
        self.context = context
        if os.environ.get("ENABLE_TORCH_PROFILER"):
            output, _ = self._infer_with_profiler(data)
        elif self._is_describe():
            output = [self.describe_handle()]
        else:
            output = self._run(data)
        context.metrics.add_time("HandlerTime", round((time.perf_counter() - started) * 1000, 2))
        return output

    def _run(self, data: list[dict[str, Any]]) -> Any:
        prepared = self.preprocess(data)
        if self._is_explain():
            return self.explain_handle(prepared, data)
        return self.postprocess(self.inference(prepared))

    def _infer_with_profiler(self, data: list[dict[str, Any]]) -> tuple[Any, Any]:
        """Return the output and the profile, which is also written below the system's temporary folder."""
        arguments = dict(self.profiler_args) or {"record_shapes": True}
        if "on_trace_ready" not in arguments:
            model_name = ((self.manifest or {}).get("model") or {}).get("modelName", "")
            folder = Path(tempfile.gettempdir(), "pytorch_profiler", model_name)
            arguments["on_trace_ready"] = torch.profiler.tensorboard_trace_handler(str(folder))
        with torch.profiler.profile(**arguments) as profile:
            return self._run(data), profile

    def explain_handle(self, data_preprocess: Any, raw_data: list[dict[str, Any]]) -> Any:
        """Return the explanation that the subclass's `get_insights` gives for the first request."""
        row = raw_data[0]
        inputs = row.get("data") or row.get("body")
        return self.get_insights(data_preprocess, inputs, row.get("target") or 0)  # type: ignore[attr-defined]

    def describe_handle(self) -> Any:  # noqa: B027 - a hook that few handlers need
        """Return metadata of the model, None for nothing beyond what the server knows."""

    def get_device(self) -> Any:
        """Return the device that the model is on."""
        return self.device

    def _is_explain(self) -> bool:
        if self.context and self.context.get_request_header(0, "explain") == "True":
            self.explain = True
            return True
        return False

    def _is_describe(self) -> bool:
        return bool(self.context) and self.context.get_request_header(0, "describe") == "True"
