"""Services behind one port. On the loop."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from engine.api.authorization import guard_status
from engine.api.callers import Callers
from engine.api.listener import bound, holder_of, refusal
from engine.certificates import load_key_pair
from engine.descriptors import most_connections
from engine.engine import Engine
from engine.errors import AddressInUseError
from engine.rpc.access import access_interceptors
from engine.rpc.calls import service
from engine.rpc.gate import Gate
from engine.rpc.interface import POOL
from engine.rpc.silence import SilentCalls
from engine.settings import Address, Settings
from engine.tasks import TaskGroup
from engine.threads import Threads
from engine.tokens import TokenKind, Tokens

log = logging.getLogger(__name__)

# How long calls in flight may take once the server takes no more: until `close` ends them.
UNTIL_CLOSED = 3600.0
# How long the handshake of a connection may take, and the answer to a ping, in milliseconds.
HANDSHAKE_MS = 10_000
# The largest time in milliseconds that gRPC takes, for which it waits for ever.
NEVER = 2**31 - 1
# Calls of one connection; more of one client wait at the client.
MOST_STREAMS = 1000
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
POOL.AddSerializedFile(health_pb2.DESCRIPTOR.serialized_pb)


class Plan(NamedTuple):
    """One server to be: its address, which token opens it, and what answers each rpc of its services."""

    kind: TokenKind
    address: Address
    services: Mapping[str, Mapping[str, Any]]
    max_age_ms: int | None
    max_age_grace_ms: int | None


class RpcServer:
    """Answers gRPC calls at one address. `bind`, `serve`, `stop_accepting`, `close` in this order, as a Listener."""

    def __init__(self, engine: Engine, plan: Plan, tokens: Tokens | None) -> None:
        """Nothing happens before `bind`."""
        self._settings = engine.settings
        self._access = engine.metrics.access
        self._plan = plan
        self._tokens = tokens
        self._server: grpc.aio.Server | None = None
        self._credentials: grpc.ServerCredentials | None = None
        self._sockets: list[socket.socket] = []
        self._health = health.aio.HealthServicer()
        self._port = plan.address.port
        self._stopping = TaskGroup()
        settings = engine.settings
        self._silent = SilentCalls(
            settings.max_connections, settings.stalled_connection_timeout, engine.metrics.refusals
        )

    @property
    def url(self) -> str:
        """What a client takes to reach it: host and port, without a scheme."""
        return f"{self._plan.address.url_host}:{self._port}"

    async def bind(self) -> None:
        """Take the address; raises AddressInUseError naming who has it, or SettingsError."""
        threads = Threads("marina-listen", 1)
        try:
            if self._settings.enable_grpc_ssl:
                self._credentials = await threads.run(_credentials, self._settings)
            self._sockets = await threads.run(_taken, self._plan.address)
        finally:
            threads.close()
        self._port = self._sockets[0].getsockname()[1]

    async def serve(self) -> None:
        """Begin to answer; raises AddressInUseError when another program was quicker."""
        for name in ("", *self._plan.services):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server = server = self._made()
        hosts = [_host_of(held) for held in self._sockets]
        # grpcio opens ports by itself, and lets go of them only once it has started.
        self._let_go()
        try:
            for host in hosts:
                self._open(server, f"{host}:{self._port}")
        finally:
            await server.start()

    async def stop_accepting(self) -> None:
        """Take no more calls; those in flight go on."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            self._stopping.start(self._server.stop(UNTIL_CLOSED), "stops gRPC")
            # The task takes its first step, which closes the port.
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End every call. Safe to call twice."""
        self._silent.stop()
        self._let_go()
        if self._server is not None:
            await self._server.stop(None)
            await self._stopping.join()
            self._server = None

    def _let_go(self) -> None:
        for held in self._sockets:
            held.close()
        self._sockets.clear()

    def _open(self, server: grpc.aio.Server, where: str) -> None:
        try:
            if self._credentials is None:
                server.add_insecure_port(where)
            else:
                server.add_secure_port(where, self._credentials)
        except RuntimeError as error:
            log.debug("grpcio cannot listen on %s: %s", where, error)
            raise AddressInUseError(self._plan.address.host, self._port, "") from None

    def _made(self) -> grpc.aio.Server:
        settings, plan = self._settings, self._plan
        callers = Callers(settings, plan.address)
        refused = (
            grpc.StatusCode.UNAUTHENTICATED
            if guard_status(settings) == 401  # noqa: PLR2004 - HTTP's code
            else grpc.StatusCode.PERMISSION_DENIED
        )
        gate = Gate(callers, plan.kind, self._tokens, refused, open_ping=settings.open_ping)
        server = grpc.aio.server(
            interceptors=[*access_interceptors(self._access), self._silent, gate],
            options=_options(settings, plan),
        )
        server.add_generic_rpc_handlers([service(name, functions) for name, functions in plan.services.items()])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [*plan.services, _HEALTH, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server, POOL)
        return server


def _options(settings: Settings, plan: Plan) -> Sequence[tuple[str, int]]:
    patience = min(settings.stalled_connection_timeout * 1000, NEVER)
    ages = {
        "grpc.max_connection_age_ms": plan.max_age_ms,
        "grpc.max_connection_age_grace_ms": plan.max_age_grace_ms,
    }
    return [
        # Without this a second program would share the port, and get half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_request_size),
        # A further connection is closed at once. An idle one goes after a while; gRPC clients connect again.
        ("grpc.max_allowed_incoming_connections", most_connections(settings.max_connections)),
        ("grpc.max_connection_idle_ms", patience),
        ("grpc.max_concurrent_streams", MOST_STREAMS),
        # Until the client has sent the preface of HTTP/2, TLS included.
        ("grpc.server_handshake_timeout_ms", min(patience, HANDSHAKE_MS)),
        # A client that has gone without a word is found by a ping.
        ("grpc.keepalive_time_ms", patience),
        ("grpc.keepalive_timeout_ms", HANDSHAKE_MS),
        *((name, min(value, NEVER)) for name, value in ages.items() if value is not None),
    ]


def _credentials(settings: Settings) -> grpc.ServerCredentials:
    """Read certificate and key; raises SettingsError as REST does. Blocking."""
    certificates, key = load_key_pair(settings)
    return grpc.ssl_server_credentials([(key, certificates)])


def _taken(address: Address) -> list[socket.socket]:
    """Return sockets that hold the address until grpcio takes it; raises AddressInUseError or SettingsError. Blocking.

    grpcio itself has no word on why it cannot have a port, and lets go of one only after it has answered there.
    """
    held: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(address.host, address.port, 0, socket.SOCK_STREAM)
        for family, kind, protocol, _, where in sorted(set(found)):
            port = held[0].getsockname()[1] if held else where[1]
            held.append(bound(socket.socket(family, kind, protocol), (where[0], port, *where[2:])))
    except OSError as error:
        for one in held:
            one.close()
        raise refusal(address, error, holder_of(address.port) if error.errno == errno.EADDRINUSE else "") from None
    return held


def _host_of(held: socket.socket) -> str:
    host = str(held.getsockname()[0])
    return f"[{host}]" if held.family == socket.AF_INET6 else host
