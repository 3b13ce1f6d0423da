"""From method and path to an operation."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web

from engine.api import inference, management
from engine.api.operations import Operation
from engine.api.router import MethodUnknownError, PathUnknownError, Router
from engine.engine import Engine


async def nothing(_engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.StreamResponse:
    raise NotImplementedError


MANAGEMENT = Router(management.OPERATIONS)
INFERENCE = Router(inference.OPERATIONS)


@pytest.mark.parametrize(
    ("method", "path", "name", "values"),
    [
        ("GET", "/models", "listModels", {}),
        ("GET", "/models/", "listModels", {}),
        ("POST", "/models", "registerModel", {}),
        ("GET", "/models/m", "describeModel", {"model_name": "m"}),
        ("PUT", "/models/m", "setAutoScale", {"model_name": "m"}),
        ("DELETE", "/models/m", "unregisterModel", {"model_name": "m"}),
        ("GET", "/models/m/all", "version_describeModel", {"model_name": "m", "model_version": "all"}),
        ("PUT", "/models/m/1.0", "version_setAutoScale", {"model_name": "m", "model_version": "1.0"}),
        ("DELETE", "/models/m/1.0/", "version_unregisterModel", {"model_name": "m", "model_version": "1.0"}),
        ("PUT", "/models/m/1.0/set-default", "setDefault", {"model_name": "m", "model_version": "1.0"}),
        ("GET", "/models/two words", "describeModel", {"model_name": "two words"}),
    ],
)
def test_management_paths(method: str, path: str, name: str, values: dict[str, str]) -> None:
    operation, found = MANAGEMENT.find(method, path)

    assert (operation.name, found) == (name, values)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_predictions_take_any_method_and_keep_what_follows_the_version(method: str) -> None:
    assert INFERENCE.find(method, "/predictions/m")[1] == {"model_name": "m"}
    operation, values = INFERENCE.find(method, "/predictions/m/1.0/a/b")

    assert operation.name == "version_predictions"
    assert values == {"model_name": "m", "model_version": "1.0", "rest": "a/b"}


def test_a_version_alone_has_an_empty_rest() -> None:
    assert INFERENCE.find("POST", "/predictions/m/1.0")[1]["rest"] == ""


@pytest.mark.parametrize(
    "path", ["/", "", "//models", "/model", "/models/m/1.0/x", "/models/m/1.0/set-default/x", "/Models"]
)
def test_an_unknown_path_is_no_operation(path: str) -> None:
    with pytest.raises(PathUnknownError):
        MANAGEMENT.find("PUT", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/models", ("GET", "POST")),
        ("POST", "/models/m", ("GET", "PUT", "DELETE", "OPTIONS")),
        ("POST", "/models/m/1.0/set-default", ("PUT",)),
    ],
)
def test_a_wrong_method_names_the_right_ones(method: str, path: str, allowed: tuple[str, ...]) -> None:
    with pytest.raises(MethodUnknownError) as caught:
        MANAGEMENT.find(method, path)

    assert caught.value.allowed == allowed


def test_rows_of_one_first_segment_go_by_the_order_of_the_table() -> None:
    router = Router(
        [
            Operation("fixed", ("GET",), "/a/b", "", nothing),
            Operation("open", ("GET",), "/a/{any}", "", nothing),
            Operation("root", ("GET",), "/", "", nothing),
        ]
    )

    assert router.find("GET", "/a/b")[0].name == "fixed"
    assert router.find("GET", "/a/c")[0].name == "open"
    assert router.find("GET", "/")[0].name == "root"


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("/predictions/predict", "predictions", {"model_name": "predict"}),
        ("/explanations/m", "explanations", {"model_name": "m"}),
        (
            "/explanations/m/1.0/a/b",
            "version_explanations",
            {"model_name": "m", "model_version": "1.0", "rest": "a/b"},
        ),
        ("/v1/models/m:predict", "v1_predictions", {"model_name": "m"}),
        ("/v1/models/m:explain/", "v1_explanations", {"model_name": "m"}),
        ("/v1/models/a:b:predict", "v1_predictions", {"model_name": "a:b"}),
        ("/v2/models/m/infer", "v2_predictions", {"model_name": "m"}),
        ("/v2/models/m/explain", "v2_explanations", {"model_name": "m"}),
        ("/invocations", "invocations", {}),
        ("/models/m/invoke", "invoke", {"model_name": "m"}),
        ("/m/predict", "predict", {"model_name": "m"}),
        ("/ping/predict", "predict", {"model_name": "ping"}),
        ("/m/1.0/predict", "version_predict", {"model_name": "m", "model_version": "1.0"}),
    ],
)
def test_inference_paths(path: str, name: str, values: dict[str, str]) -> None:
    operation, found = INFERENCE.find("POST", path)

    assert (operation.name, found) == (name, values)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/m",
        "/v1/models/m:other",
        "/v1/models/m:predict/x",
        "/v2",
        "/v2/models/m",
        "/v2/models/m/versions/1.0/infer",
        "/invocations/x",
        "/models/m/other",
        "/m",
        "/m/1.0/x/predict",
        "/predict",
    ],
)
def test_paths_like_those_of_inference_are_no_operation(path: str) -> None:
    with pytest.raises(PathUnknownError):
        INFERENCE.find("POST", path)


def test_rows_that_begin_with_a_name_come_after_all_others_wherever_the_table_has_them() -> None:
    router = Router(
        [
            Operation("open", None, "/{any}/b", "", nothing),
            Operation("fixed", ("GET",), "/a/b", "", nothing),
        ]
    )

    assert router.find("GET", "/a/b")[0].name == "fixed"
    assert router.find("GET", "/c/b") == (router.find("POST", "/a/b")[0], {"any": "c"})
