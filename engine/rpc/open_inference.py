"""KServe v2's service, where `ts_open_inference_protocol` is on: health, metadata and inference. On the loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from engine import SERVER_VERSION
from engine.api.open_inference import EXTENSIONS, SERVER, is_ready
from engine.engine import Engine
from engine.errors import BadRequestError, NotFoundError, PredictionError
from engine.rpc import failures, tensors
from engine.rpc.calls import Call, Wrapper
from engine.rpc.inference import Inference
from engine.rpc.interface import OPEN_INFERENCE, message
from engine.serving.jobs import Input
from engine.snapshots import VersionSnapshot, WorkerState

Live = message(f"{OPEN_INFERENCE}.ServerLiveResponse")
Ready = message(f"{OPEN_INFERENCE}.ServerReadyResponse")
ServerMetadata = message(f"{OPEN_INFERENCE}.ServerMetadataResponse")
ModelReady = message(f"{OPEN_INFERENCE}.ModelReadyResponse")
ModelMetadata = message(f"{OPEN_INFERENCE}.ModelMetadataResponse")
UNIMPLEMENTED = f"Method {OPEN_INFERENCE}.GRPCInferenceService/ServerMetadata is unimplemented"
JSON = "application/json"


def functions(engine: Engine, inference: Inference) -> Mapping[str, Any]:
    """Return what answers each rpc of the service; `inference` queues."""
    recorded = failures.is_recorded(engine.settings)
    tell_inference, tell_management = failures.tellers(engine.settings)
    answers = OpenInference(engine, inference, recorded=recorded)

    def tell(error: BaseException, request_id: str) -> failures.Failure:
        # TorchServe: an unknown model is NOT_FOUND to those that ask about it alone.
        return (tell_management if isinstance(error, NotFoundError) else tell_inference)(error, request_id)

    asks, infers = (Wrapper(teller, tells_more=not recorded) for teller in (tell, tell_inference))
    acts = {
        "ServerLive": answers.live,
        "ServerReady": answers.ready,
        "ServerMetadata": answers.server_metadata,
        "ModelReady": answers.model_ready,
        "ModelMetadata": answers.model_metadata,
    }
    return {"ModelInfer": infers.one(answers.infer), **{name: asks.one(act) for name, act in acts.items()}}


class OpenInference:
    """Answers calls; with `recorded` as TorchServe 0.12 did where that differs."""

    def __init__(self, engine: Engine, inference: Inference, *, recorded: bool) -> None:
        """The façade does the work."""
        self._engine = engine
        self._inference = inference
        self._recorded = recorded

    async def live(self, _request: Any, _call: Call) -> Any:
        """Tell that the server answers."""
        return Live(live=True)

    async def ready(self, _request: Any, _call: Call) -> Any:
        """Tell that the server takes requests, which it does from the moment it answers (TorchServe)."""
        return Ready(ready=True)

    async def server_metadata(self, _request: Any, _call: Call) -> Any:
        """Tell who answers; TorchServe leaves that out."""
        if self._recorded:
            raise failures.EndedError(failures.Failure(grpc.StatusCode.UNIMPLEMENTED, UNIMPLEMENTED))
        return ServerMetadata(name=SERVER["name"], version=SERVER_VERSION, extensions=EXTENSIONS)

    async def model_ready(self, request: Any, _call: Call) -> Any:
        """Tell whether a version takes requests; TorchServe: whether it has as many workers as it should."""
        if not request.name:
            raise BadRequestError("Parameter name is required.")
        [version] = self._engine.describe(request.name, request.version or None)
        return ModelReady(ready=_is_complete(version) if self._recorded else is_ready(version))

    async def model_metadata(self, request: Any, _call: Call) -> Any:
        """Tell a model's versions, as on REST; nobody knows what its handler takes and gives."""
        if not request.name:
            raise BadRequestError("Parameter model_name is required.")
        versions = [found.key.version for found in self._engine.describe(request.name, "all")]
        return ModelMetadata(name=request.name, versions=versions, platform="" if self._recorded else "pytorch")

    async def infer(self, request: Any, call: Call) -> Any:
        """Hand the tensors to the handler as KServe v2's JSON, and its answer back as tensors."""
        if not request.model_name:
            raise BadRequestError("Parameter model_name is required.")
        body = tensors.request_body(request, raw=not self._recorded)
        reply = await self._inference.queue(request, call, [Input("body", JSON, body)])
        if reply.stream is not None:
            reply.stream.close()
        call.hold(self._engine.memory.answers, len(reply.body))
        try:
            return tensors.response(bytes(reply.body), quoted=self._recorded)
        except PredictionError:
            if self._recorded:
                # TorchServe's words; there the worker dies of it.
                raise PredictionError("Worker died.", 500) from None
            raise


def _is_complete(version: VersionSnapshot) -> bool:
    ready = sum(worker.state is WorkerState.READY for worker in version.workers)
    return version.rests or ready >= version.min_workers
