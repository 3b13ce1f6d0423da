"""Every recorded scenario against `marina-server`, in the configuration it needs."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Servers
from tests.conformance.runner import SUITE, Scenario, scenarios

CASES = [
    pytest.param(server, scenario, id=f"{server}: {scenario['name']}")
    for server in SUITE["servers"]
    for scenario in scenarios(server)
]


@pytest.mark.end_to_end
@pytest.mark.parametrize(("server", "scenario"), CASES)
def test_the_server_answers_as_recorded(servers: Servers, server: str, scenario: Scenario) -> None:
    problem = servers[server].run(scenario)
    assert problem is None, problem
