"""The same generated requests to a real TorchServe and to `marina-server`: both must answer alike, byte for byte.

`make differential` runs it. MARINA_DIFFERENTIAL_SEED chooses other requests, MARINA_DIFFERENTIAL_REQUESTS how many.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.differential import declared, management
from tests.differential.comparison import Exchange, comparable
from tests.differential.http_exchange import send
from tests.differential.reporting import Report
from tests.differential.requests_generator import BATCH, Group, groups
from tests.differential.servers import Peer

CALLS = 60
REQUESTS = int(os.environ.get("MARINA_DIFFERENTIAL_REQUESTS", "500"))


def exchanged(pool: ThreadPoolExecutor, peers: tuple[Peer, Peer], group: Group) -> list[Exchange]:
    """Send a group to one server after the other, its requests all at once."""
    theirs, ours = (list(pool.map(lambda request: send(peer.inference, request), group)) for peer in peers)  # noqa: B023 - read at once
    pairs = zip(group, map(comparable, theirs), map(comparable, ours), strict=True)
    return [Exchange(*pair) for pair in pairs]


@pytest.mark.differential
@pytest.mark.timeout(1800)
def test_predictions_are_answered_as_torchserve_does(models: tuple[Peer, Peer], seed: int, tmp_path: Path) -> None:
    report = Report("predictions", seed, declared.INFERENCE, tmp_path, models[1].inference)
    with ThreadPoolExecutor(BATCH) as pool:
        for group in groups(seed, REQUESTS):
            for exchange in exchanged(pool, models, group):
                report.take(exchange)
    sys.stdout.write(f"\n{report}\n")
    assert not report.problems, str(report)


@pytest.mark.differential
@pytest.mark.timeout(1800)
def test_models_are_managed_as_torchserve_does(servers: tuple[Peer, Peer], seed: int, tmp_path: Path) -> None:
    report = Report(
        "management", seed, declared.MANAGEMENT, tmp_path, servers[1].management, compare=management.mismatches
    )
    for call in management.calls(seed, CALLS):
        theirs, ours = (comparable(send(peer.management, call)) for peer in servers)
        report.take(Exchange(call, theirs, ours))
    sys.stdout.write(f"\n{report}\n")
    assert not report.problems, str(report)
