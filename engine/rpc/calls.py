"""From a function that answers to what grpcio calls: one wrapper for each kind of rpc. On the loop; hot.

A function takes the request and what is known of the call, and returns an answer or yields several; what it raises
ends the call with the status that `engine.rpc.failures` has for it. When the client goes, cancels or runs into its
deadline, grpcio cancels the function, and with it the job that it waits for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from engine.api.answers import new_request_id
from engine.memory_account import Account
from engine.rpc.access import ANSWERED
from engine.rpc.failures import REQUEST_ID, Teller
from engine.rpc.interface import methods
from engine.rpc.silence import SILENT_CALL
from engine.serving.jobs import SMALL_ANSWER
from engine.tasks import TaskGroup


class Call(NamedTuple):
    """One call: its id and the headers that a handler gets. `at_end` calls a function when the call has ended."""

    request_id: str
    headers: dict[str, str]
    at_end: Any = None  # grpcio's types are made up

    def hold(self, account: Account, size: int) -> None:
        """Count `size` bytes of an answer in `account` until the call has ended."""
        if self.at_end is not None and size > SMALL_ANSWER:
            account.bytes += size
            self.at_end(lambda _: account.release(size))


One = Callable[[Any, Call], Awaitable[Any]]
Many = Callable[[Any, Call], AsyncGenerator[Any, None]]
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Wrapper:
    """Makes what grpcio calls; `tells_more` lets headers reach the handler and tells the client the request's id."""

    def __init__(self, tell: Teller, *, tells_more: bool) -> None:
        """TorchServe does neither."""
        self._tell = tell
        self._tells_more = tells_more
        self._ending = TaskGroup()

    def one(self, act: One) -> Callable[[Any, Context], Awaitable[Any]]:
        """Wrap a function that returns its answer."""

        async def answer(request: Any, context: Context) -> Any:
            call = self._begin(context)
            try:
                return await act(request, call)
            except Exception as error:  # noqa: BLE001 - the last resort: every call ends with a status
                await context.abort(*self._tell(error, call.request_id))

        return answer

    def many(self, act: Many) -> Callable[[Any, Context], AsyncIterator[Any]]:
        """Wrap a function that yields its answers; its request may be a stream too."""

        async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
            call = self._begin(context)
            try:
                async with aclosing(act(request, call)) as found:
                    # grpcio does not close what answers when it could not send: the client has gone while it was slow.
                    context.add_done_callback(partial(self._close, found))  # type: ignore[arg-type]  # see `_begin`
                    async for one in found:
                        yield one
            except Exception as error:  # noqa: BLE001 - as above
                await context.abort(*self._tell(error, call.request_id))

        return answer

    def _close(self, found: Any, _context: Any) -> None:
        """End a function that still waits for its next answer to be taken, so that nothing of it stays."""
        if found.ag_frame is not None and not found.ag_running:
            self._ending.start(_closed(found), "ends a stream of answers")

    def _begin(self, context: Context) -> Call:
        if (note := ANSWERED.get()) is not None:
            context.add_done_callback(note)  # type: ignore[arg-type]  # the stubs want a class that they make up
        if (silent := SILENT_CALL.get()) is not None:
            silent.end()
        request_id = new_request_id()
        if not self._tells_more:
            return Call(request_id, {}, context.add_done_callback)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        return Call(request_id, headers_of(context.invocation_metadata() or ()), context.add_done_callback)


async def _closed(found: AsyncGenerator[Any, None]) -> None:
    with suppress(RuntimeError):  # it is being closed already
        await found.aclose()


def headers_of(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """Return a call's metadata as headers for a handler; binary ones, which no header can hold, are left out."""
    return {name: value for name, value in metadata if isinstance(value, str)}


def service(name: str, functions: Mapping[str, Any]) -> grpc.GenericRpcHandler:
    """Return a service by its full name; `functions` are wrapped ones by the name of their rpc."""
    handlers = {method.name: _handler(method, functions[method.name]) for method in methods(name)}
    return grpc.method_handlers_generic_handler(name, handlers)


def _handler(method: MethodDescriptor, function: Any) -> grpc.RpcMethodHandler[Any, Any]:
    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    made: grpc.RpcMethodHandler[Any, Any] = kinds[method.client_streaming, method.server_streaming](
        function,
        request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
        response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
    )
    return made
