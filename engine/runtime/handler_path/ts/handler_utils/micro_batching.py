"""Cuts a batch into micro-batches whose stages run side by side: while one is inferred, the next is preprocessed.

Each stage has threads of its own, which end with `shutdown` or with the process.
"""

from __future__ import annotations

import os
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ..context import Context

    # A stage takes micro-batches until it takes None.
    Stage: TypeAlias = "SimpleQueue[MicroBatch | None]"

HANDLER_METHODS = ["preprocess", "inference", "postprocess"]

_running = threading.local()


class MicroBatch(NamedTuple):
    """A part of a batch on its way through the stages; `done` takes it after the last stage, or when one failed."""

    position: int
    value: Any
    done: SimpleQueue[MicroBatch]
    error: BaseException | None = None


def execute_call(in_queue: Stage, out_queue: Stage | None, call: Callable[[Any], Any]) -> None:
    """Run `call` on what `in_queue` gives and hand it on, to `out_queue` or where it is collected; ends with None."""
    while (batch := in_queue.get()) is not None:
        _running.position = batch.position
        try:
            result = batch._replace(value=call(batch.value))
        except BaseException as error:  # noqa: BLE001 - the thread that waits for the batch raises it
            batch.done.put(batch._replace(error=error))
        else:
            (out_queue or batch.done).put(result)


class WorkerThread(threading.Thread):
    """One thread of a stage."""

    def __init__(self, handler: Any, method: str, in_queue: Stage, out_queue: Stage | None) -> None:
        super().__init__(name=f"micro-batching {method}", daemon=True)
        self._work = (in_queue, out_queue, getattr(handler, method))

    def run(self) -> None:
        """Work until told to stop."""
        execute_call(*self._work)


class MicroBatching:
    """Takes the place of a handler's `handle`: `handler.handle = MicroBatching(handler, 4, {"preprocess": 2})`."""

    def __init__(
        self, parent_handler: Any, micro_batch_size: int = 1, parallelism: dict[str, int] | None = None
    ) -> None:
        """`parallelism` is the number of threads for each of HANDLER_METHODS, 1 unless given."""
        self.handler = parent_handler
        self.micro_batch_size = micro_batch_size
        self._queues: list[Stage] = [SimpleQueue() for _ in HANDLER_METHODS]
        self.thread_groups: dict[str, list[WorkerThread]] = {method: [] for method in HANDLER_METHODS}
        self.parallelism = dict.fromkeys(HANDLER_METHODS, 1) | (parallelism or {})

    @property
    def parallelism(self) -> dict[str, int]:
        """The number of threads per stage; setting it changes the stages it names. Raises ValueError for others."""
        return {method: len(threads) for method, threads in self.thread_groups.items()}

    @parallelism.setter
    def parallelism(self, parallelism: dict[str, int]) -> None:
        for method, threads in parallelism.items():
            if method not in HANDLER_METHODS or threads < 1:
                raise ValueError(
                    f"{method}: {threads}: stages are {', '.join(HANDLER_METHODS)}, with one thread or more"
                )
        for method, threads in parallelism.items():
            if threads != len(self.thread_groups[method]):
                self._stop(method)
                self._start(method, threads)

    def shutdown(self) -> None:
        """End all threads, after what they are at."""
        for method in HANDLER_METHODS:
            self._stop(method)

    @staticmethod
    def get_micro_batch_idx() -> int:
        """Return which micro-batch of its batch the calling thread is at, from 0."""
        position: int = getattr(_running, "position", 0)
        return position

    def handle(self, data: list[Any]) -> list[Any]:
        """Return the answers to `data` in its order; raises what a stage raised for the first failed micro-batch."""
        starts = range(0, len(data), self.micro_batch_size)
        done: SimpleQueue[MicroBatch] = SimpleQueue()
        for index, start in enumerate(starts):
            self._queues[0].put(MicroBatch(index, data[start : start + self.micro_batch_size], done))
        finished = sorted((done.get() for _ in starts), key=lambda batch: batch.position)
        for batch in finished:
            if batch.error is not None:
                raise batch.error
        return [answer for batch in finished for answer in batch.value]

    def __call__(self, data: list[Any], context: Context) -> Any:
        """Answer a batch as the handler's own `handle` would; descriptions, explanations and profiles go undivided."""
        started = time.perf_counter()
        self.handler.context = context
        output = self._answer(data)
        context.metrics.add_time("HandlerTime", round((time.perf_counter() - started) * 1000, 2))
        return output

    def _answer(self, data: list[Any]) -> Any:
        if self.handler._is_describe():  # noqa: SLF001 - BaseHandler's, which this stands in for
            return [self.handler.describe_handle()]
        if os.environ.get("ENABLE_TORCH_PROFILER"):
            return self.handler._infer_with_profiler(data)[0]  # noqa: SLF001 - as above
        if self.handler._is_explain():  # noqa: SLF001 - as above
            return self.handler.explain_handle(self.handler.preprocess(data), data)
        return self.handle(data)

    def _start(self, method: str, threads: int) -> None:
        position = HANDLER_METHODS.index(method)
        in_queue, *later = self._queues[position:]
        out_queue = later[0] if later else None
        self.thread_groups[method] = [WorkerThread(self.handler, method, in_queue, out_queue) for _ in range(threads)]
        for thread in self.thread_groups[method]:
            thread.start()

    def _stop(self, method: str) -> None:
        in_queue = self._queues[HANDLER_METHODS.index(method)]
        for _ in self.thread_groups[method]:
            in_queue.put(None)
        for thread in self.thread_groups[method]:
            thread.join()
        self.thread_groups[method] = []
