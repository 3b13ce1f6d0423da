"""Requests made from the served API documents, good and bad ones: every answer is one that the document tells of."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, serving
from tests.support.workers import FakeLauncher

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance, content_type_conformance]
FEWEST = 2000
EXAMPLES = 84
# Names and versions that are there, so that not every request ends with 404.
KNOWN = {"model_name": ("noop", "other"), "model_version": ("1.0", "2.0", "all")}
GOOD = ("noop-1.0.mar", "noop-2.0.mar", "other-1.0.mar")
ARCHIVES = (*GOOD, "broken-1.0.mar", "none.mar")
NO_WORKER = "ServiceUnavailableException"


@contextmanager
def running(root: Path) -> Iterator[dict[str, str]]:
    """Run a Host with fake workers on a thread of its own; gives the addresses of its APIs."""
    home = make_home(root)
    for name, version in (("noop", "1.0"), ("noop", "2.0"), ("other", "1.0")):
        archive(home.model_store, name, version)
    (home.model_store / "broken-1.0.mar").write_bytes(b"no zip")
    started, addresses, stop = threading.Event(), dict[str, str](), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        async with serving(home, make_settings(), FakeLauncher()) as server:
            addresses.update(server.host.addresses)
            loops.append(asyncio.get_running_loop())
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="host")
    thread.start()
    try:
        assert started.wait(20)
        yield addresses
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(20)


@dataclass
class Fuzzer:
    """Sends generated requests over one session and counts the answers."""

    addresses: dict[str, str]
    session: requests.Session
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def register(self, url: str) -> None:
        """Bring back what requests before may have taken away."""
        query = {"url": url, "initial_workers": "1", "synchronous": "true"}
        answer = self.session.post(f"{self.addresses['management']}/models", params=query)
        assert answer.status_code in {200, 409}

    def fuzz(self, operation: Any, mode: GenerationMode, examples: int) -> None:
        """Send `examples` requests for one operation of a document."""

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
        def send(case: Any, data: st.DataObject) -> None:
            aim(case, data)
            if case.method == "DELETE":
                self.register(data.draw(st.sampled_from(GOOD)))
            self.check(case)

        send()

    def check(self, case: Any) -> None:
        answer = case.call(session=self.session)
        self.statuses[case.operation.label, answer.status_code] += 1
        # Models without workers are part of the game; any other failure of the server is a defect.
        idle = answer.status_code == 503 and answer.json()["type"] == NO_WORKER
        case.validate_response(answer, checks=CHECKS[1:] if idle else CHECKS)


def aim(case: Any, data: st.DataObject) -> None:
    """Let half of the requests mean something that is there, and none start hundreds of workers."""
    for name in case.path_parameters or ():
        if data.draw(st.booleans()):
            case.path_parameters[name] = data.draw(st.sampled_from(KNOWN[name]))
    for given_by in (case.query, case.body):
        if not isinstance(given_by, dict):
            continue
        if "url" in given_by and data.draw(st.booleans()):
            given_by["url"] = data.draw(st.sampled_from(ARCHIVES))
        for name in ("initial_workers", "min_worker", "max_worker"):
            if isinstance(given_by.get(name), int) and given_by[name] > 4:
                given_by[name] %= 5


@pytest.fixture
def fuzzer(tmp_path: Path) -> Iterator[Fuzzer]:
    with running(tmp_path) as addresses, requests.Session() as session:
        yield Fuzzer(addresses, session)


@pytest.mark.timeout(300)
def test_every_answer_to_generated_requests_is_documented(fuzzer: Fuzzer) -> None:
    for api in ("management", "inference", "metrics"):
        schema = schemathesis.openapi.from_url(f"{fuzzer.addresses[api]}/api-description")
        for result in schema.get_all_operations():
            for url in GOOD:
                fuzzer.register(url)
            operation: Any = result.ok()  # type: ignore[union-attr]  # an invalid document raises here
            taking = bool(operation.path_parameters or operation.query)
            fuzzer.fuzz(operation, GenerationMode.POSITIVE, EXAMPLES if taking else 5)
            # Any text may be a name, and any bytes a body: only the query and JSON can be wrong.
            if operation.query:
                fuzzer.fuzz(operation, GenerationMode.NEGATIVE, EXAMPLES)
    assert fuzzer.statuses.total() >= FEWEST
    # The document lets a handler choose its status, but this one does not.
    predicted = {status for label, status in fuzzer.statuses if "/predictions/" in label}
    assert predicted <= {200, 400, 404, 503}
    assert {status for _, status in fuzzer.statuses} >= {200, 202, 400, 403, 404, 409}
