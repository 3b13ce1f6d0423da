"""Tampers with what its worker stands on; the request's body says with what."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any


def channels() -> list[int]:
    """Return the descriptors of every socket: the worker's one channel."""
    found = []
    for descriptor in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(descriptor)):
                found.append(descriptor)
        except OSError:
            continue
    return found


def write_to_channel(text: bytes) -> None:
    for descriptor in channels():
        os.write(descriptor, text)


def hang_up() -> None:
    for descriptor in channels():
        with socket.socket(fileno=os.dup(descriptor)) as channel:
            channel.shutdown(socket.SHUT_RDWR)


def close_channel() -> None:
    for descriptor in channels():
        os.close(descriptor)


def leave_a_child() -> None:
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)


def let_the_child_answer() -> None:
    os.fork()


def change_everything(context: Any) -> None:
    os.chdir("/")
    sys.stdout.close()
    sys.stderr.close()
    sys.stdout = sys.stderr = None
    logging.disable()
    logging.getLogger().handlers.clear()
    logging.shutdown()
    sys.path.clear()
    os.environ.clear()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    context.request_processor[0].report_status(200, "Changed")
    threading.Thread(target=time.sleep, args=(600,)).start()


def forget_the_requests(context: Any) -> None:
    context.request_processor = context.request_ids = None


def deep_json() -> None:
    meta = b'{"deep":' + b"[" * 60_000 + b"]" * 60_000 + b"}"
    write_to_channel(b"MF\x01\x08" + len(meta).to_bytes(4, "big") + bytes(8) + meta)


TAMPERINGS: dict[str, Callable[[Any], Any]] = {
    "well": lambda _: None,
    "close everything": lambda _: os.closerange(0, 1024),
    "close the standard streams": lambda _: os.closerange(0, 3),
    "close the channel": lambda _: close_channel(),
    "hang up": lambda _: hang_up(),
    "nonsense": lambda _: write_to_channel(b"Here I am, and this is no frame at all."),
    "half a frame": lambda _: write_to_channel(b"MF"),
    "a huge frame": lambda _: write_to_channel(b"MF\x01\x06\x00\x00\x00\x10\x7f" + bytes(7)),
    "deep JSON": lambda _: deep_json(),
    "leave a child": lambda _: leave_a_child(),
    "let the child answer": lambda _: let_the_child_answer(),
    "change everything": change_everything,
    "forget the requests": forget_the_requests,
    "remove the model": lambda context: shutil.rmtree(context.system_properties["model_dir"]),
    "a metric that is no number": lambda context: context.metrics.add_counter("odd", float("nan")),
}


def handle(data: Any, context: Any) -> Any:
    if data:
        TAMPERINGS[data[0]["body"].decode()](context)
    return ["well"] if data else None
