"""Every recorded scenario against `marina-server`, in the configuration it needs."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Servers
from tests.conformance.runner import SUITE, Scenario, scenarios

# What Marina does not serve yet, and the scenarios that need it. A scenario that begins to pass must leave this list.
NOT_SERVED_YET = {
    "the open inference protocol's health (ts_open_inference_protocol)": ("KServe v2 health and metadata",),
    "envelopes (service_envelope)": (
        "KServe v1 envelope",
        "KServe v1 model readiness",
        "KServe v2 envelope",
    ),
    "the metrics address": (
        "unknown metrics paths",
        "metrics after traffic",
        "metrics by name",
        "metrics that a handler adds are not exposed by default",
        "metrics that a handler adds, detected",
        "metrics in log mode",
    ),
    "the API document of parts that are not served (metrics)": ("describe the APIs",),
}
MISSING = {name: what for what, names in NOT_SERVED_YET.items() for name in names}


def _case(server: str, scenario: Scenario) -> object:
    name = scenario["name"]
    marks = [pytest.mark.xfail(reason=f"not served yet: {MISSING[name]}")] if name in MISSING else []
    return pytest.param(server, scenario, id=f"{server}: {name}", marks=marks)


CASES = [_case(server, scenario) for server in SUITE["servers"] for scenario in scenarios(server)]


@pytest.mark.end_to_end
@pytest.mark.parametrize(("server", "scenario"), CASES)
def test_the_server_answers_as_recorded(servers: Servers, server: str, scenario: Scenario) -> None:
    problem = servers[server].run(scenario)
    assert problem is None, problem


def test_what_is_not_served_yet_is_named_as_the_scenarios_are() -> None:
    assert MISSING.keys() <= {scenario["name"] for scenario in SUITE["scenarios"]}
