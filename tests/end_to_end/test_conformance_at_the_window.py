"""The recorded scenarios of the management API and the metrics against the engine inside the window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.home import Home
from tests.conformance.runner import Runner, Scenario, properties, running, scenarios
from tests.support.person import Person

AtTheWindow = Callable[..., set[asyncio.Task[Any]]]

SUBJECTS = (
    "register",
    "scale",
    "describe",
    "list",
    "default version",
    "unregister",
    "API description",
    "paths and names",
    "metrics",
)
# They wait for seconds; `marina-server` alone has the time for them.
WAITING = {
    "register a handler that loads too slowly",
    "register a failing handler without waiting",
    "describe the queue of a busy model",
}


def selected(subject: str) -> list[Scenario]:
    return [one for one in scenarios("default") if one["subject"] == subject and one["name"] not in WAITING]


def run_all(runner: Runner, subject: str) -> dict[str, str]:
    """Return what went wrong, by scenario."""
    problems = {scenario["name"]: runner.run(scenario) for scenario in selected(subject)}
    return {name: problem for name, problem in problems.items() if problem}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_engine_in_the_window_answers_as_recorded(at_the_window: AtTheWindow, tmp_path: Path, subject: str) -> None:
    async def act(person: Person, home: Home) -> None:
        remote = tmp_path / "remote"
        remote.mkdir()
        with running(person.addresses, home.model_store, remote) as runner:
            assert await asyncio.to_thread(run_all, runner, subject) == {}
        await person.sees(lambda: not person.window.catalog.models)

    assert not at_the_window(act, properties=properties("default"))
