"""Bytes sent to the inference and management listeners, garbled: each gets an answer, or its connection is closed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import strategies as st

from tests.support.archives import archive
from tests.support.fuzzing import INPUTS, fuzz, garbled
from tests.support.servers import Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

BOUNDARY = "between"
# So many connections at a time: those that do not finish their request are let go of together.
AT_ONCE = 20
FORM = (
    b'--between\r\nContent-Disposition: form-data; name="data"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n--between\r\n"
    b'Content-Disposition: form-data; name="text"\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--between\r\n'
    b'Content-Disposition: form-data; name="more"\r\nContent-Encoding: gzip\r\n\r\nx\r\n--between--\r\n'
)
KSERVE = b'{"id": "1", "inputs": [{"name": "a", "shape": [1], "datatype": "INT64", "data": [66]}]}'
TOKENS = [
    b"\r\n", b"\r\n\r\n", b"--between", b"--between--", b"\x00", b"\xff", b"%2e%2e/", b"%00", b"%", b"?", b"#",
    b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"//", b":",
    b"Expect: 100-continue\r\n", b"Content-Transfer-Encoding: binary\r\n", b"Content-Encoding: deflate\r\n", b";",
    b"Upgrade: h2c\r\n", b"A" * 9000, b"[" * 3000, b'"', b"=", b"name*=utf-8''%ff", b"PATCH", b"HTTP/1.0", b"HTTP/2.0",
    b"\t", b"charset=no-such", b"boundary=", b"\xc3\xa9",
]  # fmt: skip


def request(path: str, body: bytes, kind: str, more: str = "") -> bytes:
    """Return a whole request; its host is put in later."""
    head = f"POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


FORM_KIND = f"multipart/form-data; boundary={BOUNDARY}"
PATHS = ("/predictions/noop", "/v1/models/noop:predict", "/v2/models/noop/infer", "/invocations?model_name=noop")
BODIES = ((FORM, FORM_KIND), (KSERVE, "application/json"))
REQUESTS = tuple(request(path, body, kind) for path in PATHS for body, kind in BODIES)
OTHERS = (
    request("/v2/models/noop/versions/1.0/infer", KSERVE, "application/json"),
    request("/predictions/noop/1.0/more?x=1", b"a=b&c=%C3%A9", "application/x-www-form-urlencoded"),
    b"GET /v2/models/noop/ready HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"OPTIONS /predictions/noop HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"POST /v2/models/noop/infer HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
)


class Client:
    """Sends bytes to one listener and notes what comes back."""

    def __init__(self, server: Server) -> None:
        self._host = urlsplit(server.host.addresses["inference"])
        self.statuses: Counter[int] = Counter()

    async def send_all(self, batch: list[bytes]) -> None:
        async with asyncio.TaskGroup() as sending:
            for data in batch:
                sending.create_task(self.send(data))

    async def send(self, data: bytes) -> None:
        reader, writer = await asyncio.open_connection(self._host.hostname, self._host.port)
        try:
            writer.write(data.replace(b"HOST", self._host.netloc.encode()))
            async with asyncio.timeout(9):
                answer = await reader.read(65_536)
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
        status = int(answer[9:12]) if answer.startswith(b"HTTP/") else 0
        self.statuses[status] += 1
        # 503 alone may come of a request: where no worker is left.
        assert status < 500 or status in (501, 503), answer
        # aiohttp answers in the version that the request names.
        assert not answer or answer.startswith(b"HTTP/"), answer


KINDS = (FORM_KIND, "application/json", "application/x-www-form-urlencoded", "multipart/form-data")
BODILY = st.builds(request, st.sampled_from(PATHS), garbled(FORM, KSERVE, tokens=TOKENS), st.sampled_from(KINDS))
WHOLE = garbled(*REQUESTS, *OTHERS, tokens=TOKENS)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [pytest.param("forms and KServe bodies", BODILY, id="bodies"), pytest.param("whole requests", WHOLE, id="whole")],
)
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader", "ignore::aiohttp.BadContentDispositionParam")
def test_requests(
    tmp_path: Path, name: str, inputs: st.SearchStrategy[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "noop", "1.0")
    with asyncio.Runner() as runner:
        context = serving(home, make_settings(stalled_connection_timeout=1), FakeLauncher())
        server = runner.run(context.__aenter__())
        try:
            attack(runner, server, name, inputs, caplog)
        finally:
            runner.run(context.__aexit__(None, None, None))
    assert [record.getMessage() for record in caplog.records if not is_of_a_bad_head(record)] == []


def attack(
    runner: asyncio.Runner,
    server: Server,
    name: str,
    inputs: st.SearchStrategy[bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    query = "url=noop-1.0.mar&initial_workers=1&synchronous=true"
    assert runner.run(server.register(query)).status == 200
    client = Client(server)
    caplog.set_level(logging.ERROR)
    many = st.lists(inputs, min_size=AT_ONCE, max_size=AT_ONCE)
    fuzz(f"{name}, {AT_ONCE} at once", many, lambda batch: runner.run(client.send_all(batch)), times=INPUTS // AT_ONCE)
    assert runner.run(server.predict("noop", data=b"x")).status == 200
    told = dict(client.statuses.most_common())
    print(f"{name}: {client.statuses.total():,} inputs, answered {told}")  # noqa: T201 - `make fuzz` shows it


def is_of_a_bad_head(record: logging.LogRecord) -> bool:
    """Whether aiohttp tells of a request whose head it refused."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is not None and issubclass(kind, HttpProcessingError)
