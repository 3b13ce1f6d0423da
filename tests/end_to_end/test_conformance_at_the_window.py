"""Every recorded scenario against the engine inside the window, in the configuration it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.home import Home
from tests.conformance.runner import SUITE, Runner, properties, running, scenarios
from tests.support.person import Person

AtTheWindow = Callable[..., set[asyncio.Task[Any]]]

# What scenarios of other subjects ask of workers does without torch, whose import takes longer than they do.
WITH_TORCH = {"describe", "inference", "metrics", "KServe"}
CASES = [
    (server, subject)
    for server in SUITE["servers"]
    for subject in dict.fromkeys(scenario["subject"] for scenario in scenarios(server))
]


def run_all(runner: Runner, server: str, subject: str) -> dict[str, str]:
    """Return what went wrong, by scenario."""
    selected = [scenario for scenario in scenarios(server) if scenario["subject"] == subject]
    problems = {scenario["name"]: runner.run(scenario) for scenario in selected}
    return {name: problem for name, problem in problems.items() if problem}


@pytest.mark.parametrize(("server", "subject"), CASES)
def test_the_engine_in_the_window_answers_as_recorded(
    request: pytest.FixtureRequest, at_the_window: AtTheWindow, tmp_path: Path, server: str, subject: str
) -> None:
    if subject not in WITH_TORCH:
        request.getfixturevalue("workers_without_torch")

    async def act(person: Person, home: Home) -> None:
        remote = tmp_path / "remote"
        remote.mkdir()
        with running(person.addresses, home.model_store, remote) as runner:
            assert await asyncio.to_thread(run_all, runner, server, subject) == {}
        await person.sees(lambda: not person.window.catalog.models)

    assert not at_the_window(act, properties=properties(server))
