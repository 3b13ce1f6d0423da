"""The API document: it says what the table of operations does, no more and no less."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from engine.api import inference, management
from engine.api.openapi import SCHEMAS, document, shown_method
from engine.api.operations import Kind, Operation, Parameter, read_parameters
from engine.engine import Engine
from engine.errors import BadRequestError
from engine.registration import Registration
from tests.engine.api.conftest import Serve
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

NOOP = "url=noop-1.0.mar&initial_workers=1&synchronous=true"
TABLES = {"inference": inference.OPERATIONS, "management": management.OPERATIONS}
ROWS = [row for table in TABLES.values() for row in table if not row.hidden]


def described(row: Operation) -> dict[str, Any]:
    """Return what the document says of one row."""
    (item,) = document([row], "one row", "1")["paths"].values()
    found: dict[str, Any] = item[shown_method(row).lower()]
    return found


def names(found: dict[str, Any], place: str) -> set[str]:
    return {parameter["name"] for parameter in found["parameters"] if parameter["in"] == place}


def parameters() -> Iterator[tuple[Operation, Parameter]]:
    return ((row, parameter) for row in ROWS for parameter in row.parameters)


@pytest.mark.parametrize("api", TABLES)
def test_the_document_is_valid_and_has_every_row_once(api: str) -> None:
    rows = [row for row in TABLES[api] if not row.hidden]
    found = document(rows, "title", "1.2")

    OpenAPIV30SpecValidator(found).validate()
    operations = [operation for item in found["paths"].values() for operation in item.values()]
    assert [operation["operationId"] for operation in operations] == [row.name for row in rows]
    assert found["info"]["title"] == "title"
    assert found["info"]["version"] == "1.2"


def test_hidden_rows_are_left_out() -> None:
    hidden = [row for table in TABLES.values() for row in table if row.hidden]
    assert hidden
    assert document(hidden, "", "")["paths"] == {}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_documented_parameters_are_those_of_the_path_and_those_that_are_read(row: Operation) -> None:
    found = described(row)
    read = set(read_parameters(row.parameters, {"url": "x"}))

    assert names(found, "query") == read
    assert names(found, "path") == set(re.findall(r"\{(\w+)\}", row.path))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_tells_its_answers(row: Operation) -> None:
    answers = described(row)["responses"]

    assert "200" in answers
    assert all(answer["description"] for answer in answers.values())
    for answer in answers.values():
        for media in answer.get("content", {}).values():
            assert media["schema"].get("$ref", "").removeprefix("#/components/schemas/") in {"", *SCHEMAS}


class Given(dict[str, Any]):
    """The values of parameters; notes which of them are looked at."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.used.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.used.add(name)
        return super().get(name, default)


class IdleEngine:
    """Takes any operation and does nothing."""

    def list_models(self, _start: int = 0, _stop: int | None = None) -> list[tuple[str, str]]:
        return []

    def count_models(self) -> int:
        return 0

    async def scale(self, *_named: Any, **_given: Any) -> str:
        return "done"

    async def unregister(self, *_named: Any, **_given: Any) -> str:
        return "done"


@pytest.mark.parametrize(
    ("act", "name"),
    [
        (management.scale, "setAutoScale"),
        (management.scale, "version_setAutoScale"),
        (management.unregister, "unregisterModel"),
        (management.unregister, "version_unregisterModel"),
    ],
)
def test_what_is_documented_is_used(act: management.Act, name: str) -> None:
    (row,) = (one for one in management.OPERATIONS if one.name == name)
    given = Given({**read_parameters(row.parameters, {}), "model_name": "m"})

    asyncio.run(act(IdleEngine(), given))  # type: ignore[arg-type]

    assert {parameter.name for parameter in row.parameters} == given.used - {"model_name", "model_version"} | (
        {"model_version"} if name == "setAutoScale" else set()
    )


def test_what_is_documented_of_a_list_is_used() -> None:
    given = Given(read_parameters(management.PAGING, {}))

    management.list_models(IdleEngine(), given)  # type: ignore[arg-type]

    assert {parameter.name for parameter in management.PAGING} == given.used


def test_a_registration_takes_exactly_what_is_documented() -> None:
    documented = [parameter.name for parameter in management.REGISTERING]

    assert documented == [field.name for field in dataclasses.fields(Registration)]


LIMITED = [(row, parameter) for row, parameter in parameters() if parameter.limits]


def test_every_number_has_limits() -> None:
    assert {(row.name, one.name) for row, one in parameters() if one.kind is Kind.NUMBER and not one.limits} == set()


@pytest.mark.parametrize(("row", "parameter"), LIMITED, ids=lambda one: one.name)
def test_documented_limits_are_those_that_hold(row: Operation, parameter: Parameter) -> None:
    (schema,) = (one["schema"] for one in described(row)["parameters"] if one["name"] == parameter.name)
    declared = (dataclasses.replace(parameter, required=True),)

    for value in (schema["minimum"], schema["maximum"]):
        assert read_parameters(declared, {parameter.name: str(value)}) == {parameter.name: value}
    for value in (schema["minimum"] - 1, schema["maximum"] + 1):
        with pytest.raises(BadRequestError, match=f"^{parameter.name} must be a number from "):
            read_parameters(declared, {parameter.name: value})


@pytest.mark.parametrize("parameter", [one for one in management.REGISTERING if one.limits], ids=lambda one: one.name)
def test_the_facade_has_the_documented_limits(parameter: Parameter) -> None:
    assert parameter.limits
    low, high = parameter.limits
    for value in (low, high):
        Registration("x", **{parameter.name: value}).check()  # type: ignore[arg-type]
    for value in (low - 1, high + 1):
        with pytest.raises(BadRequestError, match=f"^{parameter.name} must be a number from {low} to {high}"):
            Registration("x", **{parameter.name: value}).check()  # type: ignore[arg-type]


def test_the_documented_runtimes_are_taken_and_others_are_not() -> None:
    (runtime,) = (one for one in management.REGISTERING if one.name == "runtime")
    for choice in runtime.choices:
        Registration("x", runtime=choice).check()
    with pytest.raises(BadRequestError, match=r"^Invalid RuntimeType value: perl$"):
        Registration("x", runtime="perl").check()


def test_a_registration_may_come_as_json_with_the_same_parameters() -> None:
    (row,) = (one for one in management.OPERATIONS if one.name == "registerModel")
    found = described(row)
    body = found["requestBody"]["content"]["application/json"]["schema"]

    assert set(body["properties"]) == names(found, "query")
    assert body["required"] == ["url"]
    assert [one["required"] for one in found["parameters"] if one["name"] == "url"] == [False]


# Over HTTP

MANAGED = {
    "/": {"options"},
    "/api-description": {"get"},
    "/models": {"get", "post"},
    "/models/{model_name}": {"get", "put", "delete"},
    "/models/{model_name}/{model_version}": {"get", "put", "delete"},
    "/models/{model_name}/{model_version}/set-default": {"put"},
}
PREDICTED = {
    "/": {"options"},
    "/api-description": {"get"},
    "/ping": {"get"},
    "/predictions/{model_name}": {"post"},
    "/predictions/{model_name}/{model_version}": {"post"},
}


def paths(found: dict[str, Any]) -> dict[str, set[str]]:
    return {path: set(item) for path, item in found["paths"].items()}


def test_each_listener_describes_itself(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        for api, expected in (("management", MANAGED), ("inference", PREDICTED)):
            answer = await server.ask(api, "OPTIONS", "/")
            assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
            assert answer.json["openapi"] == "3.0.1"
            assert answer.json["info"]["title"] == f"Marina {api} API"
            assert expected.items() <= paths(answer.json).items()
            OpenAPIV30SpecValidator(answer.json).validate()
            for method in ("GET", "POST", "PUT", "OPTIONS"):
                assert (await server.ask(api, method, "/api-description")).body == answer.body
            for method in ("GET", "POST"):
                assert (await server.ask(api, method, "/")).error[:2] == (405, "MethodNotAllowedException")

    serve(scenario)


def test_a_model_describes_its_part_of_the_management_api(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        found = (await server.manage("OPTIONS", "/models/noop")).json
        assert found["info"]["title"] == "RESTful Management API for: noop"
        assert paths(found) == {path: methods for path, methods in MANAGED.items() if "{model_name}" in path}
        assert (await server.manage("OPTIONS", "/models/none")).error[2] == "Model not found: none"

    serve(scenario)


@pytest.mark.parametrize("dialect", ["document", "torchserve-0.12"])
def test_a_model_describes_its_predictions(serve: Serve, dialect: str) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        await server.register(f"{NOOP}&model_name=%7Bodd%7D%20one")
        for name, path in (("noop", "noop"), ("{odd} one", "%7Bodd%7D%20one")):
            found = (await server.ask("inference", "OPTIONS", f"/predictions/{path}")).json
            assert found["info"]["title"] == f"RESTful API for: {name}"
            assert paths(found)[f"/prediction/{path}"] == {"post"}
            predicted = await server.ask("inference", "POST", f"/prediction/{path}")
            assert predicted.body == b"OK", "the path that is described is served"
            OpenAPIV30SpecValidator(found).validate()
        assert (await server.ask("inference", "OPTIONS", "/predictions/noop/1.0/x")).status == 200
        for path in ("none", "noop/9"):
            assert (await server.ask("inference", "OPTIONS", f"/predictions/{path}")).status == 404

    serve(scenario, FakeLauncher(), api_dialect=dialect)


def test_a_description_has_the_documented_fields_alone(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        (found,) = await server.describe("noop")
        for name, value in (("Description", found), ("Worker", found["workers"][0])):
            assert set(SCHEMAS[name]["required"]) <= set(value) <= set(SCHEMAS[name]["properties"])

    serve(scenario)


def test_the_facade_scales_within_the_documented_limits(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        engine: Engine = server.engine
        for parameter in (one for one in management.SCALING if one.limits):
            assert parameter.limits
            for value in (parameter.limits[0] - 1, parameter.limits[1] + 1):
                name = {"min_worker": "min_workers", "max_worker": "max_workers"}.get(parameter.name, parameter.name)
                with pytest.raises(BadRequestError, match=f"^{parameter.name} must be a number from "):
                    await engine.scale("noop", None, **{"min_workers": 0, name: value})  # type: ignore[arg-type]

    serve(scenario)
