"""The gRPC servers, where grpcio can be imported; elsewhere none, and the log says so. On the loop."""

from __future__ import annotations

import importlib
import logging
from typing import Protocol

from engine.engine import Engine
from engine.threads import Threads
from engine.tokens import Tokens

log = logging.getLogger(__name__)


class Door(Protocol):
    """What Host starts and stops: a listener of REST or a server of gRPC."""

    @property
    def url(self) -> str:
        """Where it is reached."""

    async def bind(self) -> None:
        """Take the address."""

    async def serve(self) -> None:
        """Begin to answer."""

    async def stop_accepting(self) -> None:
        """Take nothing new; what is in flight goes on."""

    async def close(self) -> None:
        """End everything."""


async def rpc_doors(engine: Engine, tokens: Tokens | None) -> dict[tuple[str, ...], Door]:
    """Return the gRPC servers by the names of their APIs; importing grpcio takes a while, so a thread does it."""
    threads = Threads("marina-import", 1)
    try:
        module = await threads.run(importlib.import_module, "engine.rpc.servers")
    except ImportError as error:
        log.warning("gRPC is off, since this installation lacks a part of it: %s", error)
        return {}
    finally:
        threads.close()
    return {(name,): server for name, server in module.servers(engine, tokens).items()}
