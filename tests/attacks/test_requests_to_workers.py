"""Attack 31 against real workers: requests that a worker could not read fail alone, and cost no worker."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from engine.workers.launcher import SpawnLauncher
from tests.support.archives import archive
from tests.support.servers import Answer, Server, make_home, make_settings, serving

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# The names take up six times as many bytes in a frame.
LONG_NAMES = b"\x01" * 1_000_000 + b"=1&" + b"\x02" * 2_000_000 + b"=2"
# Each fits; together they are longer than what a worker sends.
FITS = b"\x01" * 600_000 + b"=1"
BATCH = 6


@pytest.mark.parametrize(("body", "status"), [(LONG_NAMES, 400), (FITS, 200)])
def test_31_a_request_that_no_frame_holds_fails_alone(tmp_path: Path, body: bytes, status: int) -> None:
    async def ask(server: Server, data: bytes) -> Answer:
        return await server.predict("noop", data=io.BytesIO(data), headers=FORM)

    async def scenario(server: Server) -> None:
        query = f"url=noop-1.0.mar&initial_workers=1&synchronous=true&batch_size={BATCH}&max_batch_delay=2000"
        await server.register(query)
        worker = (await server.describe("noop"))[0]["workers"][0]["pid"]
        # In one batch where they can be.
        large = [ask(server, body) for _ in range(BATCH - 1)]
        *others, small = await asyncio.gather(*large, ask(server, b"a=1"))
        assert [answer.status for answer in (*others, small)] == [status] * (BATCH - 1) + [200]
        assert all("Send fewer inputs, or shorter names" in answer.error[2] for answer in others if status != 200)
        assert (await server.describe("noop"))[0]["workers"][0]["pid"] == worker

    async def main() -> None:
        home = make_home(tmp_path)
        archive(home.model_store)
        async with serving(home, make_settings(), SpawnLauncher()) as server:
            await scenario(server)

    asyncio.run(main())
