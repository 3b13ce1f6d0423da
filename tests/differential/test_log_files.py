"""Log files of a real TorchServe and of Marina after the same requests: the same files, and the lines that count.

`make differential` runs it. Left out of the comparison are times, ports and what only one of the two says.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential import environment
from tests.differential.http_exchange import Request, send
from tests.differential.packing import Archive, pack
from tests.differential.servers import PATIENCE, Peer, both
from tests.support.peer_environments import PeerMissingError
from tests.support.rpc_client import calling

pytestmark = pytest.mark.differential

HEADERS = (("Content-Type", "text/plain"),)
REQUESTS = (
    Request("GET", "/ping", HEADERS),
    Request("POST", "/predictions/print", HEADERS, b"hello"),
    Request("POST", "/predictions/print?a=1&b=%20", HEADERS, b"fail"),
    Request("POST", "/predictions/nope", HEADERS, b"x"),
)
# `TIME [LEVEL] W-PORT-MODEL_VERSION-STREAM MODEL_LOG - TEXT`
OF_WORKER = re.compile(r"\S+ (\[\w+ *\] W-)\d+(-print_1\.0-\w+ MODEL_LOG - .*)")
OF_REQUEST = re.compile(r'\S+ - /127\.0\.0\.1:\d+ ("[^"]*" \d+) \d+')


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The folders `logs` of TorchServe and of Marina, after both got the requests."""
    try:
        environment.prepare()
    except PeerMissingError as missing:
        pytest.skip(str(missing))
    root = tmp_path_factory.mktemp("logs")
    store = root / "store"
    store.mkdir()
    pack((Archive("print", "print_lines.py"),), store)
    with both(root, store) as peers:
        for peer in peers:
            _ask(peer)
        folders = root / "ts" / "logs", root / "m" / "logs"
        for folder in folders:
            _until_logged(folder / "access_log.log", "InferenceAPIsService/Predictions")
        yield folders


def _ask(peer: Peer) -> None:
    query = "url=print-1.0.mar&initial_workers=1&synchronous=true"
    assert send(peer.management, Request("POST", f"/models?{query}")).status == 200
    for request in REQUESTS:
        send(peer.inference, request)
    asyncio.run(_call(peer))


async def _call(peer: Peer) -> None:
    async with calling(f"127.0.0.1:{peer.grpc_inference}", f"127.0.0.1:{peer.grpc_management}") as client:
        await client.one("inference", "Ping")
        await client.one("inference", "Predictions", model_name="nope", input={"data": b"x"})


def _until_logged(file: Path, text: str) -> None:
    """Wait for a line; both write their files a little later."""
    deadline = time.monotonic() + PATIENCE
    while text not in file.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, file.read_text(encoding="utf-8")
        time.sleep(0.05)


def lines(file: Path, form: re.Pattern[str]) -> list[str]:
    found = (form.fullmatch(line) for line in file.read_text(encoding="utf-8").splitlines())
    return ["".join(match.groups()) for match in found if match]


def test_the_same_files_are_there(folders: tuple[Path, Path]) -> None:
    theirs, ours = ({file.name for file in folder.glob("*.log")} for folder in folders)
    assert ours == theirs


def test_requests_have_the_same_lines(folders: tuple[Path, Path]) -> None:
    theirs, ours = (lines(folder / "access_log.log", OF_REQUEST) for folder in folders)
    assert ours == theirs
    assert len(ours) == 1 + len(REQUESTS) + 2


@pytest.mark.parametrize("file", ["model_log.log", "ts_log.log"])
def test_what_a_handler_prints_has_the_same_lines(folders: tuple[Path, Path], file: str) -> None:
    for stream in ("stdout", "stderr"):
        printed = [
            [line for line in lines(folder / file, OF_WORKER) if re.search(rf"{stream} MODEL_LOG - (out|err) ", line)]
            for folder in folders
        ]
        assert printed[0] == printed[1]
        assert len(printed[0]) == 2


def test_the_traceback_of_a_handler_is_there_line_by_line(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        texts = [line.partition(" - ")[2] for line in lines(folder / "model_log.log", OF_WORKER)]
        start = texts.index("Traceback (most recent call last):")
        assert texts.index("ValueError: a bad") > start
        assert "request" in texts
