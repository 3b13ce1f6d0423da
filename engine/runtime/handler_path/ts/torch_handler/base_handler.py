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

from ..handler_utils.pt2 import compile_model, compile_options, uses_aot_compile
from ..handler_utils.timer import timed
from ..handler_utils.weights import load_weights
from ..utils.packages import import_if_installed, require
from ..utils.util import list_classes_from_module, load_label_mapping

if TYPE_CHECKING:
    from ..context import Context

TENSOR_CORES = (8, 0)  # the first compute capability whose tensor cores multiply float32

ort = import_if_installed("onnxruntime")
xm = import_if_installed("torch_xla.core.xla_model")
ipex: Any = import_if_installed("intel_extension_for_pytorch") if os.environ.get("TS_IPEX_ENABLE") == "true" else None

ONNX_AVAILABLE = ort is not None
XLA_AVAILABLE = xm is not None
IPEX_AVAILABLE = ipex is not None
_TORCH_VERSION = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:3])
PROFILER_AVAILABLE = hasattr(torch, "profiler")
PT2_AVAILABLE = hasattr(torch, "compile")
PT230_AVAILABLE = _TORCH_VERSION > (2, 2, 2)

logger = logging.getLogger(__name__)

if os.environ.get("TS_IPEX_ENABLE") == "true" and not IPEX_AVAILABLE:
    logger.warning("TS_IPEX_ENABLE is set, but intel-extension-for-pytorch is not installed: models run without it")


def setup_ort_session(model_pt_path: str, map_location: str | None) -> Any:
    """Return an ONNX Runtime session for the model, on the GPU when `map_location` is "cuda"."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
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
        self.model_yaml_config = getattr(context, "model_yaml_config", None)
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
            if torch.cuda.get_device_capability(self.device) >= TENSOR_CORES:
                torch.set_float32_matmul_precision("high")
        elif os.environ.get("TS_IPEX_GPU_ENABLE") == "true" and torch.xpu.is_available() and gpu_id is not None:
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
        if path.endswith(".onnx"):
            require("onnxruntime", self)
            return setup_ort_session(path, self.map_location)
        if path.endswith(".so") and self._use_torch_export_aot_compile():
            return self._load_torch_export_aot_compile(path)
        raise RuntimeError(
            f"No model weights could be loaded: the manifest names {Path(path).name or 'no file'}. It takes a "
            "modelFile, or a serializedFile that ends in .pt, in .onnx, or in .so with "
            "`pt2: {export: {aot_compile: true}}` in the model-config"
        )

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
            model.load_state_dict(load_weights(model_pt_path, self.map_location and self.device))
        return model

    def _load_torch_export_aot_compile(self, model_so_path: str) -> Any:
        if self.map_location == "cuda":
            torch.cuda.set_device(self.device)  # the loader takes a kind of device, not which
        return torch._export.aot_load(model_so_path, self.map_location or "cpu")  # noqa: SLF001 - its only name

    def _use_torch_export_aot_compile(self) -> bool:
        return PT230_AVAILABLE and uses_aot_compile(self._pt2_section())

    def _pt2_section(self) -> Any:
        config = getattr(self, "model_yaml_config", None)
        return config.get("pt2") if isinstance(config, dict) else None

    def _optimize_model(self) -> None:
        options = compile_options(self._pt2_section())
        if options is not None and PT2_AVAILABLE:
            self.model = compile_model(self.model, options)
        elif IPEX_AVAILABLE:
            self.model = ipex.optimize(self.model.to(memory_format=torch.channels_last).to(self.device))

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
        if self._is_describe():
            output = [self.describe_handle()]
        elif os.environ.get("ENABLE_TORCH_PROFILER"):
            output, _ = self._infer_with_profiler(data)
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
        row = raw_data[0] if isinstance(raw_data[0], dict) else {}  # with an envelope, rows may be anything
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
