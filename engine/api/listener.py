"""One table of operations behind one port. On the loop."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import psutil
from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import ERROR
from typing_extensions import override

from engine.api.answers import (
    FIRST_ERROR,
    LONGEST_LINE,
    METHOD_UNKNOWN,
    MOST_HEADERS,
    PATH_UNKNOWN,
    error_of,
    error_response,
    http_problem,
    new_request_id,
)
from engine.api.authorization import Guard
from engine.api.bodies import is_form
from engine.api.callers import Callers
from engine.api.connections import Connections
from engine.api.express import ExpressLane
from engine.api.operations import Body, Operation
from engine.api.request import Request, cors_headers
from engine.api.router import MethodUnknownError, PathUnknownError, Router
from engine.certificates import server_context
from engine.descriptors import limit, most_connections
from engine.engine import Engine
from engine.errors import AddressInUseError, SettingsError
from engine.metrics.traffic import Refused
from engine.settings import Address
from engine.threads import Threads

log = logging.getLogger(__name__)

BACKLOG = 1024
# How long connections that are still open may take when the listener closes, in seconds.
CLOSE_GRACE = 2.0
# How long the rest of a body is read that nobody wants, so that its sender reads the answer, in seconds.
LINGERING = 10.0
# How long a TLS handshake may take, in seconds; until its end a connection counts in no limit.
HANDSHAKE = 10.0
CONTINUE = "100-continue"
NOT_EXPECTED = f"The only expectation that Marina meets is {CONTINUE}."
NO_MEMORY = "The requests that wait hold as much as they may (max_request_memory). Try again later."


class _Site(web.SockSite):
    """aiohttp's, but for the time that a TLS handshake may take."""

    @override
    async def start(self) -> None:
        await web.BaseSite.start(self)
        self._server = await asyncio.get_running_loop().create_server(
            cast("web.Server", self._runner.server),
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=None if self._ssl_context is None else HANDSHAKE,
        )


class Listener:
    """Answers HTTP requests at one address. `bind`, `serve`, `close` in this order."""

    def __init__(
        self,
        engine: Engine,
        address: Address,
        operations: Sequence[Operation],
        max_request_size: int,
        guard: Guard | None = None,
        reserve: int = 0,
    ) -> None:
        """`max_request_size` is in bytes; a larger body is answered 413. `guard` sees each request first.

        Connections do not take the last `reserve` descriptors of the process.
        """
        self._reserve = reserve
        self._engine = engine
        self._address = address
        self._router = Router(operations)
        self._max_request_size = max_request_size
        self._guard = guard
        self._cors = cors_headers(engine.settings)
        # Made by `serve`, when the port is known that the system gave.
        self._callers: Callers
        self._sockets: list[socket.socket] = []
        self._runner: web.ServerRunner | None = None
        self._server: Connections | None = None
        self._tls: ssl.SSLContext | None = None
        self._held = engine.memory.requests

    @property
    def url(self) -> str:
        """Where the listener is reached; names the real port when the setting said 0."""
        return str(self._real_address)

    @property
    def _real_address(self) -> Address:
        port = self._sockets[0].getsockname()[1] if self._sockets else self._address.port
        return self._address._replace(port=port)

    async def bind(self) -> None:
        """Take the address; raises AddressInUseError naming who has it, or SettingsError."""
        threads = Threads("marina-listen", 1)
        try:
            if self._address.scheme == "https":
                self._tls = await threads.run(server_context, self._engine.settings)
            found = await threads.run(socket.getaddrinfo, self._address.host, self._address.port, 0, socket.SOCK_STREAM)
            for family, kind, protocol, _, where in sorted(set(found)):
                self._sockets.append(bound(socket.socket(family, kind, protocol), where))
        except OSError as error:
            self._close_sockets()
            holder = await threads.run(holder_of, self._address.port) if error.errno == errno.EADDRINUSE else ""
            raise refusal(self._address, error, holder) from None
        finally:
            threads.close()

    async def serve(self) -> None:
        """Begin to answer; raises AddressInUseError when another program was quicker."""
        self._callers = Callers(self._engine.settings, self._real_address)
        # A body in gzip reaches the handler as it came, with the header that says so (TorchServe).
        settings = self._engine.settings
        lane = ExpressLane(self._engine, self._router, self._callers, self._guard, self._held)
        self._server = server = Connections(
            self._answer,
            lane,
            most=most_connections(settings.max_connections),
            end=limit() - self._reserve,
            patience=settings.stalled_connection_timeout,
            refusals=self._engine.metrics.refusals,
            request_factory=self._request,
            unreadable=self._unreadable,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_HEADERS,
            access_log=None,
            auto_decompress=False,
            lingering_time=min(LINGERING, settings.stalled_connection_timeout),
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=CLOSE_GRACE)
        await self._runner.setup()
        for listening in self._sockets:
            try:
                await _Site(self._runner, listening, ssl_context=self._tls, backlog=BACKLOG).start()
            except OSError as error:
                raise refusal(self._address, error, "") from None

    async def stop_accepting(self) -> None:
        """Take no more connections; those that are open go on."""
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
        self._close_sockets()

    async def close(self) -> None:
        """Close every connection. Safe to call twice."""
        if self._server is not None:
            self._server.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._close_sockets()

    def _close_sockets(self) -> None:
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()

    def _request(self, *parts: Any) -> web.BaseRequest:
        message, payload, protocol, writer, task = parts
        if message is ERROR:
            # The version of bytes that are no request is not known; aiohttp takes it for 1.0.
            message = message._replace(version=HttpVersion11)
        loop = asyncio.get_running_loop()
        limit = self._max_request_size
        request = Request(message, payload, protocol, writer, task, loop, client_max_size=limit)
        request.cors = self._cors
        request.begun = protocol.take_begun()
        return request

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if (access := self._engine.metrics.access) is None:
            return await self._counted(request)
        # Asked for now: a client that has gone has no address any more.
        client = request.transport and request.transport.get_extra_info("peername")
        begun = request.begun if isinstance(request, Request) else None
        started = begun.started if begun else time.perf_counter()
        version = request.version
        line = f"{request.method} {request.raw_path} HTTP/{version.major}.{version.minor}"
        try:
            response = await self._counted(request)
        except web.HTTPException as error:
            access.add(client, line, error.status, started)
            raise
        access.add(client, line, response.status, started)
        return response

    async def _counted(self, request: web.BaseRequest) -> web.StreamResponse:
        size = self._size_of(request)
        self._held.bytes += size
        try:
            response = await self._respond(request)
        except web.HTTPRequestEntityTooLarge:
            # TorchServe: bare, without a body or the common headers, and not counted.
            self._engine.metrics.refusals[Refused.SIZE] += 1
            response = web.Response(status=413)
            response.force_close()
            return response
        except web.HTTPException as error:
            self._engine.metrics.answers.count(error.status)
            raise
        finally:
            self._held.bytes -= size
        self._engine.metrics.answers.count(response.status)
        return response

    def _size_of(self, request: web.BaseRequest) -> int:
        """Return the bytes that a request's body may need; one that does not tell its size may need the limit."""
        if not request.can_read_body:
            return 0
        told = request.content_length
        size = self._max_request_size if told is None else min(told, self._max_request_size)
        # A form is held twice while its fields are taken out of it.
        return 2 * size if is_form(request) else size

    def _refusal_of(self, request: web.BaseRequest) -> web.Response | None:
        """Return the answer to a request that nobody looks at any closer."""
        needs_host = request.version >= HttpVersion11 or not _is_from_here(request)
        if reason := self._callers.refusal(request.raw_path, request.headers, needs_host=needs_host):
            self._engine.metrics.refusals[Refused.CALLER] += 1
            log.warning("Refused %s at %s: %s", request.method, self.url, reason)
            return error_response(403, "ForbiddenException", reason, new_request_id())
        if self._held.is_full:
            self._engine.metrics.refusals[Refused.MEMORY] += 1
            return error_response(503, "ServiceUnavailableException", NO_MEMORY, new_request_id())
        return None

    def _unreadable(self, error: HttpProcessingError) -> web.Response:
        """Return the answer to bytes that are no HTTP request. TorchServe's answer has the same code and type."""
        request_id, problem = new_request_id(), http_problem(error)
        log.warning("Refused request %s at %s: %s", request_id, self.url, problem)
        self._engine.metrics.answers.count(400)
        return error_response(400, "BadRequestException", problem, request_id)

    async def _operate(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with what the operation says that the request is for; raises what stands in its way."""
        operation, values = self._router.find(request.method, request.path)
        if (refused := await self._body_refusal(request, operation)) is not None:
            return refused
        return await operation.handler(self._engine, request, values)

    async def _body_refusal(self, request: web.BaseRequest, operation: Operation) -> web.Response | None:
        """Return the answer to a request whose body is not read, else let a client that waits for it send the body.

        RFC 9110, 10.1.1: HTTP/1.0 has no such wait. Raises HTTPRequestEntityTooLarge when the length says as much.
        """
        expected = request.headers.get("Expect", "").lower() if request.version >= HttpVersion11 else ""
        if expected not in {"", CONTINUE}:
            return error_response(417, "ExpectationFailedException", NOT_EXPECTED, new_request_id())
        told = request.content_length or 0
        if told > self._max_request_size and (expected or operation.body is not Body.NONE):
            raise web.HTTPRequestEntityTooLarge(max_size=self._max_request_size, actual_size=told)
        if expected and request.can_read_body and not request.content.total_bytes:
            with suppress(ConnectionError):
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # aiohttp takes a request with output for one that is answered.
            request.writer.output_size = 0
        return None

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if (refused := self._refusal_of(request)) is not None:
            return refused
        try:
            if self._guard is not None and (refusal := await self._guard.answer(request)) is not None:
                if refusal.status >= FIRST_ERROR:
                    self._engine.metrics.refusals[Refused.TOKEN] += 1
                return refusal
            return await self._operate(request)
        except PathUnknownError:
            return error_response(404, "ResourceNotFoundException", PATH_UNKNOWN, new_request_id())
        except MethodUnknownError as error:
            response = error_response(405, "MethodNotAllowedException", METHOD_UNKNOWN, new_request_id())
            response.headers["Allow"] = ", ".join(error.allowed)
            return response
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: every request gets an answer
            return error_of(error, new_request_id())


def _is_from_here(request: web.BaseRequest) -> bool:
    """Whether a program on this machine sent the request over a loopback address."""
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def refusal(address: Address, error: OSError, holder: str) -> AddressInUseError | SettingsError:
    """Return what to raise when an address cannot be taken; `holder` says who has it, as far as that is known."""
    if error.errno == errno.EADDRINUSE:
        return AddressInUseError(address.host, address.port, holder)
    return SettingsError(f"Marina cannot listen on {address}: {error.strerror or error}")


def bound(listener: socket.socket, where: Any) -> socket.socket:
    """Bind a socket to listen with and return it; raises OSError, the socket closed."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(where)
        listener.setblocking(False)  # noqa: FBT003 - the socket module's signature
    except OSError:
        listener.close()
        raise
    return listener


def holder_of(port: int) -> str:
    """Return who listens on a port, in words, "" when the system does not tell. Blocking."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        log.debug("Who holds port %d is not ours to know", port)
    return ""
