"""The loop of one worker: load a handler, then answer batches until the engine closes the socket. On the main thread.

Handlers may expect the main thread (signals, asyncio), so frames are read, and handlers called, right here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ts.context import RequestProcessor
from ts.metrics.emission import set_sink
from ts.utils.util import PredictionException

from .ahead import Claims, open_claims
from .channel import Channel, Frame, encode
from .decoding import decode_rows, header_view
from .frames import FrameError, Kind
from .loading import LoadedModel, load_model
from .process import enter_model, hang_up, set_up
from .results import OK, describe_results, encode_values, load_failure, prediction_failure
from .shared_memory import open_memory
from .telling import as_text, exit_code, say, traceback_text

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .channel import Buffer

STREAM_HEADER = "ts_stream_next"
# What a handler may emit in one batch, and how much of it goes into one frame, which has a limit of its own.
MOST_METRICS = 10_000
METRICS_PER_FRAME = 100


def main(connection: socket.socket) -> int:
    """Be a worker of the engine at the other end of `connection`; return the process's exit code.

    It is 0 when the engine hung up, 1 when the handler could not be loaded. SystemExit from the handler passes through.
    """
    left_with = set_up(connection)
    try:
        left_with.value = _serve(Channel(connection))
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except BaseException as error:
        left_with.value = exit_code(error)
        raise
    finally:
        hang_up(connection)
    return left_with.value


def _serve(channel: Channel) -> int:
    frame = channel.receive()
    if frame is None:
        return 0
    if frame.kind is not Kind.LOAD:
        raise FrameError(f"a worker's first frame must be LOAD, not {frame.kind.name}")
    # Now: user code may become another user, who could not open it.
    channel.memory = open_memory(frame.meta.get("shared_memory"))
    metrics = PendingMetrics()
    set_sink(metrics.add)
    if frame.meta["asynchronous"]:
        # Slow to import, and most handlers need no event loop.
        from .asynchronous import Asynchronous  # noqa: PLC0415 - see above

        worker = Asynchronous()
        model = _load(channel, frame.meta, metrics, worker.load)
        return 1 if model is None else worker.serve(channel, model, frame.meta, metrics)
    # A continuous batch is never over when the next one could come, so none comes ahead.
    claims = None if frame.meta["continuous"] else open_claims(frame.meta.get("ahead"))
    model = _load(channel, frame.meta, metrics, load_model, claims)
    if model is None:
        return 1
    predictor = Predictor(channel, model, frame.meta, metrics)
    while (frame := channel.receive()) is not None:
        if frame.kind is Kind.THREADS:
            follow_share(frame)
        elif _is_ours(require_predict(frame), claims):
            predictor.answer(frame)
    return 0


def _is_ours(frame: Frame, claims: Claims | None) -> bool:
    return claims is None or "ahead" not in frame.meta or claims.take(frame.meta["ahead"], frame.meta["batch"])


def follow_share(frame: Frame) -> None:
    """Use as many threads as a THREADS frame says; what keeps a library from it is printed, and costs nothing else."""
    try:
        # Now: it imports ctypes, which the archive may have a module of its own for.
        from .threadcount import change_threads  # noqa: PLC0415 - see above

        change_threads(frame.meta["threads"])
    except Exception as error:  # noqa: BLE001 - libraries, and modules of the archive, may raise anything
        say(f"The number of threads stays as it is: {as_text(error)}\n")


def require_predict(frame: Frame) -> Frame:
    """Return the frame; raises FrameError when it is not what a loaded worker expects."""
    if frame.kind is not Kind.PREDICT:
        raise FrameError(f"a loaded worker expects PREDICT, not {frame.kind.name}")
    return frame


def _load(
    channel: Channel,
    load: dict[str, Any],
    metrics: PendingMetrics,
    loader: Callable[[dict[str, Any]], LoadedModel],
    claims: Claims | None = None,
) -> LoadedModel | None:
    try:
        enter_model(load["model_dir"], load["handler"])
        model = loader(load)
    except BaseException as error:  # noqa: BLE001 - sys.exit() while loading is a failure too, with a traceback
        failure = load_failure(error)
        text = traceback_text(error)
        say(text)
        meta = {"code": failure.code, "message": failure.message, "traceback": text}
        channel.send([*metrics.take(), *encode(Kind.LOAD_FAILED, meta)])
        return None
    loaded = {"device": model.device, "ahead": claims is not None, "shared_memory": channel.memory is not None}
    channel.send([*metrics.take(), *encode(Kind.LOADED, loaded)])
    return model


class PendingMetrics:
    """Metrics emitted since the last frame, `MOST_METRICS` of them. `add` may be called from any thread."""

    def __init__(self) -> None:
        self._pending: list[dict[str, Any]] = []
        self._told = False

    def add(self, metric: dict[str, Any]) -> None:
        """Keep one metric, in the form that the METRICS frame carries, for the next frame."""
        if len(self._pending) < MOST_METRICS:
            self._pending.append(metric)
        elif not self._told:
            self._told = True
            say(f"More than {MOST_METRICS} metrics came in one batch; what is more is dropped from now on.\n")

    def take_few(self) -> list[dict[str, Any]]:
        """Return everything pending if it fits beside an answer, nothing otherwise."""
        return self._take() if 0 < len(self._pending) <= METRICS_PER_FRAME else []

    def take(self) -> list[Buffer]:
        """Return the METRICS frames of everything pending, nothing when there is none."""
        if not self._pending:
            return []
        taken = self._take()
        pieces = [taken[start : start + METRICS_PER_FRAME] for start in range(0, len(taken), METRICS_PER_FRAME)]
        return [buffer for piece in pieces for buffer in encode(Kind.METRICS, {"metrics": piece})]

    def _take(self) -> list[dict[str, Any]]:
        taken = self._pending[:]
        del self._pending[: len(taken)]  # not the whole list: another thread may have added one since
        return taken


class Predictor:
    """Calls the handler with one batch after the other; handlers reach it as `context.cl_socket`."""

    def __init__(self, channel: Channel, model: LoadedModel, load: dict[str, Any], metrics: PendingMetrics) -> None:
        self._channel = channel
        self._handle = model.handle
        self._context = model.context
        self._context.cl_socket = self
        self._decode: bool = load["decode_input"]
        self._limit: int = load["max_response_size"]
        self._continuous: bool = load["continuous"]
        self._metrics = metrics
        self._batch: int | None = None
        self._has_memory = False
        self._streamed = False

    def answer(self, frame: Frame) -> None:
        """Run one batch and send its REPLY, or FAILED when the handler raised or returned what cannot be sent."""
        try:
            rows = self._begin(frame)
            started = time.perf_counter()
            buffers = self._reply(self._handle(rows, self._context), started)
        except Exception as error:  # noqa: BLE001 - user code may raise anything, and its batch must be answered
            buffers = self._failure(error)
        self._finish(buffers)

    def send_partial(self, values: list[Any], message: str, code: int) -> None:
        """Send one piece to each request of the batch; raises PredictionException for a `code` other than 200."""
        if code != OK:
            raise PredictionException(message, code)
        if self._batch is None:
            raise RuntimeError("Intermediate results can only be sent while their batch is being handled")
        self._streamed = True
        for processor in self._processors:
            processor.add_response_property(STREAM_HEADER, "true")
        pieces = self._encoded(values)
        self._channel.send([*self._metrics.take(), *encode(Kind.PARTIAL, self._described(pieces), pieces)])

    @property
    def _processors(self) -> list[RequestProcessor]:
        return self._context.request_processor or []

    def _begin(self, frame: Frame) -> list[dict[str, Any]]:
        """Return the rows of a batch, and let the context tell of it."""
        self._batch, self._streamed = frame.meta["batch"], False
        self._has_memory = "in_memory" in frame.meta
        jobs, context = frame.meta["jobs"], self._context
        rows = decode_rows(jobs, frame.body, decode=self._decode)
        context.request_processor = [RequestProcessor(header_view(job)) for job in jobs]
        context.request_ids = {index: job["id"] for index, job in enumerate(jobs)}
        context.metrics.set_request_ids(context.request_ids)
        return rows

    def _reply(self, values: Any, started: float) -> list[Buffer]:
        milliseconds = round((time.perf_counter() - started) * 1000, 2)
        if self._streamed or not self._continuous:
            self._end_streams()
        if self._continuous:
            self._ask_stopping_criteria(values)
        pieces = self._encoded(values)
        meta = {**self._described(pieces), "took": milliseconds}
        if emitted := self._metrics.take_few():
            meta["metrics"] = emitted
        body = self._channel.lay(meta, pieces) if self._has_memory else pieces
        return encode(Kind.REPLY, meta, body)

    def _failure(self, error: BaseException) -> list[Buffer]:
        say(traceback_text(error))
        failure = prediction_failure(error)
        return encode(Kind.FAILED, {"batch": self._batch, "code": failure.code, "message": failure.message})

    def _finish(self, buffers: list[Buffer]) -> None:
        self._batch = None
        self._channel.send([*self._metrics.take(), *buffers])

    def _ask_stopping_criteria(self, values: Any) -> None:
        """Mark which requests are at their end; a criterion that returns None leaves it to the handler (TorchServe)."""
        criteria = self._context.stopping_criteria
        if not criteria or not isinstance(values, list):
            return
        for processor, is_last, value in zip(self._processors, criteria, values):
            last = is_last(value)
            if last is not None:
                processor.add_response_property(STREAM_HEADER, "false" if last else "true")

    def _end_streams(self) -> None:
        for processor in self._processors:
            if processor.get_response_header(STREAM_HEADER) == "true":
                processor.add_response_property(STREAM_HEADER, "false")

    def _encoded(self, values: Any) -> list[Buffer]:
        return encode_values(values, len(self._processors), self._limit)

    def _described(self, pieces: list[Buffer]) -> dict[str, Any]:
        return {"batch": self._batch, "results": describe_results(pieces, self._processors)}
