"""The management service: each rpc is the operation of REST's table, with its parameters' rules. On the loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.api import management
from engine.api.answers import encoded
from engine.api.operations import Parameter, read_parameters
from engine.engine import Engine
from engine.errors import BadRequestError, NotFoundError
from engine.rpc import failures
from engine.rpc.calls import Call, Wrapper
from engine.rpc.interface import MANAGEMENT, message

Response = message(f"{MANAGEMENT}.ManagementResponse")


def functions(engine: Engine) -> Mapping[str, Any]:
    """Return what answers each rpc of the service."""
    recorded = failures.is_recorded(engine.settings)
    _, tell = failures.tellers(engine.settings)
    wrapper, answers = Wrapper(tell, tells_more=not recorded), Management(engine, recorded=recorded)
    acts = {
        "DescribeModel": answers.describe,
        "ListModels": answers.list_models,
        "RegisterModel": answers.register,
        "ScaleWorker": answers.scale,
        "SetDefault": answers.set_default,
        "UnregisterModel": answers.unregister,
    }
    return {name: wrapper.one(act) for name, act in acts.items()}


class Management:
    """Answers calls; with `recorded` as TorchServe 0.12 did where that differs."""

    def __init__(self, engine: Engine, *, recorded: bool) -> None:
        """The façade does the work."""
        self._engine = engine
        self._recorded = recorded

    async def describe(self, request: Any, call: Call) -> Any:
        """Describe one version or all; the handler is asked as on REST."""
        name, version = self._model(request)
        if request.customized and version != "all":
            return _json(await self._customized(name, version, call))
        _, value = management.describe(self._engine, {"model_name": name, "model_version": version})
        return _json(value)

    async def _customized(self, name: str, version: str | None, call: Call) -> Any:
        try:
            return await management.describe_customized(self._engine, name, version, call.request_id, call.headers)
        except NotFoundError as error:
            if self._recorded:
                # TorchServe: INTERNAL here, NOT_FOUND elsewhere.
                raise failures.EndedError(failures.told_by_inference(error, call.request_id)) from error
            raise

    async def list_models(self, request: Any, _call: Call) -> Any:
        """List a page of models. Without a limit it is the longest one; TorchServe lists none then."""
        given = _given(management.PAGING, request)
        if self._recorded and not request.limit:
            given["limit"] = 0
        _, value = management.list_models(self._engine, given)
        return _json(value)

    async def register(self, request: Any, _call: Call) -> Any:
        """Register a version; without `synchronous` the call does not wait for workers, in either dialect."""
        self._require_model_api()
        given = {**_given(management.REGISTERING, request), "synchronous": request.synchronous}
        return _status(await management.register(self._engine, given))

    async def scale(self, request: Any, _call: Call) -> Any:
        """Scale a version; a number that is not above 0 is not given, so that none scales to 0 (TorchServe)."""
        if self._recorded and not request.model_name:
            raise failures.EndedError(failures.UNNAMED)
        name, version = self._model(request)
        given = {**_given(management.SCALING, request), "model_name": name, "model_version": version}
        return _status(await management.scale(self._engine, given))

    async def set_default(self, request: Any, _call: Call) -> Any:
        """Make a version the default one."""
        name, _ = self._model(request)
        given = {"model_name": name, "model_version": request.model_version}
        return _status(await management.set_default(self._engine, given))

    async def unregister(self, request: Any, _call: Call) -> Any:
        """Remove a version; the default one when none is named."""
        self._require_model_api()
        if self._recorded and not request.model_name:
            raise BadRequestError("Parameter url is required.")
        name, version = self._model(request)
        given = {**_given((management.TIMEOUT,), request), "model_name": name, "model_version": version}
        return _status(await management.unregister(self._engine, given))

    def _model(self, request: Any) -> tuple[str, str | None]:
        """Return name and version, None for the default one; raises BadRequestError without a name."""
        if not request.model_name and not self._recorded:
            raise BadRequestError("Parameter model_name is required.")
        return request.model_name, request.model_version or None

    def _require_model_api(self) -> None:
        if not self._engine.settings.enable_model_api:
            raise failures.DisabledError


def _given(parameters: tuple[Parameter, ...], request: Any) -> dict[str, Any]:
    """Read a message by the rules for a query; what is empty, false or not above 0 counts as not given (TorchServe)."""
    fields = request.DESCRIPTOR.fields_by_name
    values = {one.name: getattr(request, one.name) for one in parameters if one.name in fields}
    return read_parameters(parameters, {name: value for name, value in values.items() if _is_given(value)})


def _is_given(value: Any) -> bool:
    return value > 0 if isinstance(value, int) else bool(value)


def _status(answer: tuple[int, Any]) -> Any:
    return Response(msg=answer[1]["status"])


def _json(value: Any) -> Any:
    return Response(msg=encoded(value).decode().removesuffix("\n"))
