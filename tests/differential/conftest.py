"""Both servers, started once for all comparisons, and the seed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.differential import environment, management, packing, requests_generator
from tests.differential.http_exchange import Request, send
from tests.differential.servers import Peer, both
from tests.support.peer_environments import PeerMissingError

DEFAULT_SEED = 12


@pytest.fixture(scope="session")
def seed() -> int:
    return int(os.environ.get("MARINA_DIFFERENTIAL_SEED", DEFAULT_SEED))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, Peer]]:
    """TorchServe and Marina, without a model yet."""
    try:
        environment.prepare()
    except PeerMissingError as missing:
        pytest.skip(str(missing))
    root = tmp_path_factory.mktemp("differential")
    store = root / "store"
    store.mkdir()
    packing.pack((*requests_generator.ARCHIVES, *management.ARCHIVES), store)
    with both(root, store) as peers:
        yield peers


@pytest.fixture
def models(servers: tuple[Peer, Peer]) -> Iterator[tuple[Peer, Peer]]:
    """Both servers with the models that the generated requests ask, until the test ends."""
    for query in requests_generator.register_queries():
        for peer in servers:
            answer = send(peer.management, Request("POST", f"/models?{query}"))
            assert answer.status == 200, (peer.name, query, answer)
    yield servers
    for archive in reversed(requests_generator.ARCHIVES):
        for peer in servers:
            send(peer.management, Request("DELETE", f"/models/{archive.name}/{archive.version}"))
