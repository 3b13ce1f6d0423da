"""Runs the scenarios of `scenarios.json` against a server that answers at the addresses given. Blocking.

What a TorchServe-compatible server must answer was recorded from TorchServe 0.12.0. A scenario begins on an empty
server and leaves it empty; it has a `name`, a `subject`, the `server` configuration that it needs ("default" if none is
named) and `steps`. Besides its request (`exchange`) and what it expects (`expectations`) a step has `api` (which
address), `pause` (seconds to wait first), `concurrent` (send so many copies at once; "{i}" is 1 to N), `background` (go
on meanwhile, look at the end) and `retry_until` (repeat for so many seconds until the expectation holds).

"{upstream}" stands for a loopback server that has the archives, "{closed}" for an address where nothing listens,
"{files}" for a folder with the remote archives, "{store}" for the model store.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.conformance.exchange import REFUSED, Answer, Step, send
from tests.conformance.expectations import answers_mismatch
from tests.conformance.patterns import substitute
from tests.conformance.suite_archives import Archives, Upstream
from tests.support.ports import closed_port

FOLDER = Path(__file__).parent
SUITE: dict[str, Any] = json.loads((FOLDER / "scenarios.json").read_text(encoding="utf-8"))
Scenario = dict[str, Any]


def scenarios(server: str) -> list[Scenario]:
    """Return the scenarios for a server configuration, in their order."""
    return [scenario for scenario in SUITE["scenarios"] if scenario.get("server", "default") == server]


def properties(server: str) -> dict[str, str]:
    """Return what the configuration file must hold."""
    return dict(SUITE["servers"][server]["properties"])


@dataclass(frozen=True)
class Runner:
    """A server to ask, by the names of its APIs, and what the variables of the scenarios stand for."""

    addresses: Mapping[str, str]
    variables: Mapping[str, str]

    def run(self, scenario: Scenario) -> str | None:
        """Run one scenario; None when it passed, else what went wrong first."""
        if problem := self._unregister_everything():
            return f"before the scenario: {problem}"
        try:
            return self._run_steps(scenario["steps"])
        finally:
            self._unregister_everything()

    def _unregister_everything(self) -> str | None:
        for _ in range(3):
            listed = self._manage("GET", "/models?limit=100")
            if listed.error or not isinstance(listed.json, dict):
                return f"GET /models: {listed.error or listed.text[:200]}"
            names = [model["modelName"] for model in listed.json.get("models", [])]
            if not names:
                return None
            for name in names:
                self._unregister(quote(name, safe=""))
        return f"cannot unregister {names}"

    def _unregister(self, name: str) -> None:
        versions = self._manage("GET", f"/models/{name}/all").json
        for version in versions if isinstance(versions, list) else []:
            self._manage("DELETE", f"/models/{name}/{quote(version['modelVersion'], safe='')}")
        self._manage("DELETE", f"/models/{name}")

    def _manage(self, method: str, path: str) -> Answer:
        return send(self.addresses["management"], {"method": method, "path": path})

    def _run_steps(self, steps: list[Step]) -> str | None:
        with ThreadPoolExecutor() as pool:
            background = []
            for number, step in enumerate(steps, start=1):
                if step.get("background"):
                    background.append(pool.submit(self._run_step, number, step))
                elif problem := self._run_step(number, step):
                    return problem
            return next(filter(None, [future.result() for future in background]), None)

    def _run_step(self, number: int, step: Step) -> str | None:
        time.sleep(step.get("pause", 0))
        deadline = time.monotonic() + step.get("retry_until", 0)
        in_path = {name: quote(value, safe=":/") for name, value in self.variables.items()}
        concrete = {**substitute(step, self.variables), "path": substitute(step["path"], in_path)}
        while problem := answers_mismatch(concrete, answers := self._exchange(concrete)):
            # Where nobody listens now, nobody will.
            if time.monotonic() >= deadline or any(REFUSED in answer.error for answer in answers):
                return f"step {number}, {step['method']} {step['path']}: {problem}"
            time.sleep(0.25)
        return None

    def _exchange(self, step: Step) -> list[Answer]:
        base_url = self.addresses[step["api"]]
        copies = step.get("concurrent", 1)
        if copies == 1:
            return [send(base_url, step)]
        numbered = [substitute(step, {"i": str(number)}) for number in range(1, copies + 1)]
        with ThreadPoolExecutor(copies) as pool:
            return list(pool.map(lambda copy: send(base_url, copy), numbered))


@contextmanager
def running(addresses: Mapping[str, str], store: Path, remote: Path) -> Iterator[Runner]:
    """Fill the model store and the folder of remote archives, and give a runner for the server that has that store."""
    archives = Archives(SUITE["archives"], FOLDER / "handlers")
    archives.write(store, remote)
    with Upstream(archives) as upstream, closed_port() as closed:
        variables = {"upstream": upstream.url, "closed": closed, "files": str(remote), "store": str(store)}
        yield Runner({"metrics": closed, **addresses}, variables)
