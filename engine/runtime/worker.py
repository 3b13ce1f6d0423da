"""The loop of one worker: load a handler, then answer batches until the engine closes the socket. On the main thread.

Handlers may expect the main thread (signals, asyncio), so frames are read, and handlers called, right here.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ts.context import RequestProcessor
from ts.metrics.emission import set_sink
from ts.utils.util import PredictionException

from .channel import Channel, Frame, encode
from .decoding import decode_rows, header_view
from .frames import FrameError, Kind
from .loading import LoadedModel, load_model
from .process import enter_model, hang_up, set_up
from .results import OK, describe_results, encode_values, load_failure, prediction_failure, traceback_text

if TYPE_CHECKING:
    import socket

    from .channel import Buffer

STREAM_HEADER = "ts_stream_next"


def main(connection: socket.socket) -> int:
    """Be a worker of the engine at the other end of `connection`; return the process's exit code.

    It is 0 when the engine hung up, 1 when the handler could not be loaded. SystemExit from the handler passes through.
    """
    set_up(connection)
    try:
        return _serve(Channel(connection))
    except (BrokenPipeError, ConnectionResetError):
        return 0
    finally:
        hang_up(connection)


def _serve(channel: Channel) -> int:
    frame = channel.receive()
    if frame is None:
        return 0
    if frame.kind is not Kind.LOAD:
        raise FrameError(f"a worker's first frame must be LOAD, not {frame.kind.name}")
    metrics = PendingMetrics()
    set_sink(metrics.add)
    model = _load(channel, frame.meta, metrics)
    if model is None:
        return 1
    predictor = Predictor(channel, model, frame.meta, metrics)
    while (frame := channel.receive()) is not None:
        if frame.kind is not Kind.PREDICT:
            raise FrameError(f"a loaded worker expects PREDICT, not {frame.kind.name}")
        predictor.answer(frame)
    return 0


def _load(channel: Channel, load: dict[str, Any], metrics: PendingMetrics) -> LoadedModel | None:
    try:
        enter_model(load["model_dir"], load["handler"])
        model = load_model(load)
    except Exception as error:  # noqa: BLE001 - user code may raise anything, and all of it is the engine's to know
        failure = load_failure(error)
        text = traceback_text(error)
        sys.stderr.write(text)
        meta = {"code": failure.code, "message": failure.message, "traceback": text}
        channel.send([*metrics.take(), *encode(Kind.LOAD_FAILED, meta)])
        return None
    channel.send([*metrics.take(), *encode(Kind.LOADED, {"device": model.device})])
    return model


class PendingMetrics:
    """Metrics emitted since the last frame. `add` may be called from any thread."""

    def __init__(self) -> None:
        self._pending: list[dict[str, Any]] = []

    def add(self, metric: dict[str, Any]) -> None:
        """Keep one metric, in the form that the METRICS frame carries, for the next frame."""
        self._pending.append(metric)

    def take(self) -> list[Buffer]:
        """Return the METRICS frame of everything pending, nothing when there is none."""
        taken = self._pending[:]
        del self._pending[: len(taken)]  # not the whole list: another thread may have added one since
        return encode(Kind.METRICS, {"metrics": taken}) if taken else []


class Predictor:
    """Calls the handler with one batch after the other; handlers reach it as `context.cl_socket`."""

    def __init__(self, channel: Channel, model: LoadedModel, load: dict[str, Any], metrics: PendingMetrics) -> None:
        self._channel = channel
        self._handle = model.handle
        self._context = model.context
        self._context.cl_socket = self
        self._decode: bool = load["decode_input"]
        self._limit: int = load["max_response_size"]
        self._metrics = metrics
        self._batch: int | None = None

    def answer(self, frame: Frame) -> None:
        """Run one batch and send its REPLY, or FAILED when the handler raised or returned what cannot be sent."""
        self._batch = frame.meta["batch"]
        try:
            buffers = self._predict(frame.meta["jobs"], frame.body)
        except Exception as error:  # noqa: BLE001 - user code may raise anything, and its batch must be answered
            sys.stderr.write(traceback_text(error))
            failure = prediction_failure(error)
            meta = {"batch": self._batch, "code": failure.code, "message": failure.message}
            buffers = encode(Kind.FAILED, meta)
        self._batch = None
        self._channel.send([*self._metrics.take(), *buffers])

    def send_partial(self, values: list[Any], message: str, code: int) -> None:
        """Send one piece to each request of the batch; raises PredictionException for a `code` other than 200."""
        if code != OK:
            raise PredictionException(message, code)
        if self._batch is None:
            raise RuntimeError("Intermediate results can only be sent while their batch is being handled")
        for processor in self._processors:
            processor.add_response_property(STREAM_HEADER, "true")
        self._channel.send([*self._metrics.take(), *self._encode(Kind.PARTIAL, values)])

    @property
    def _processors(self) -> list[RequestProcessor]:
        return self._context.request_processor or []

    def _predict(self, jobs: list[dict[str, Any]], body: bytearray) -> list[Buffer]:
        context = self._context
        rows = decode_rows(jobs, body, decode=self._decode)
        context.request_processor = [RequestProcessor(header_view(job)) for job in jobs]
        context.request_ids = {index: job["id"] for index, job in enumerate(jobs)}
        context.metrics.set_request_ids(context.request_ids)
        started = time.perf_counter()
        values = self._handle(rows, context)
        milliseconds = round((time.perf_counter() - started) * 1000, 2)
        self._end_streams()
        buffers = self._encode(Kind.REPLY, values)
        context.metrics.add_time("PredictionTime", milliseconds)
        return buffers

    def _end_streams(self) -> None:
        for processor in self._processors:
            if processor.get_response_header(STREAM_HEADER) == "true":
                processor.add_response_property(STREAM_HEADER, "false")

    def _encode(self, kind: Kind, values: Any) -> list[Buffer]:
        pieces = encode_values(values, len(self._processors), self._limit)
        meta = {"batch": self._batch, "results": describe_results(pieces, self._processors)}
        return encode(kind, meta, pieces)
