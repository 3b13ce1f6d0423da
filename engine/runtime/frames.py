"""The frames that the engine and a worker exchange over their one socket. Pure; used on both sides.

A frame is a 16-byte prefix, a JSON object (`meta`) and raw bytes (`body`):

    offset  bytes  meaning
    0       2      magic, b"MF"
    2       1      format version, 1
    3       1      kind, see `Kind`
    4       4      length of meta, unsigned, big-endian
    8       8      length of body, unsigned, big-endian

What each kind carries:

    LOAD         engine to worker, once: model_name, model_dir, handler, batch_size, gpu_id (or null), envelope (or
                 null), limit_max_image_pixels, decode_input, model_config (the parsed model-config.yaml, {} without
                 one), config_file (its path inside model_dir, "" without one), server_version, max_response_size,
                 continuous (a batch comes again, see PREDICT), asynchronous (several batches at a time, see PREDICT),
                 model_metrics ({type: [{"name", "unit", "dimensions"}]}, the metrics declared beforehand),
                 metrics_config (the file that declares them), ahead (`places` of `engine.workers.claims`, or null),
                 shared_memory (where the worker finds the memory that it shares with the engine, or null).
    LOADED       worker to engine: device ("cpu", "cuda:0"), ahead and shared_memory (whether it could open them).
    LOAD_FAILED  worker to engine, which then leaves: code (500, or 507 out of memory), message (one line), traceback.
    PREDICT      engine to worker: batch (an integer that answers repeat), jobs: a list of objects {"id", "headers":
                 {name: value}, "inputs": [[name, content type, length], ...]}. The body is every input of every job.
                 The next one comes when this one has been answered; to an asynchronous worker at any time. To a
                 continuous one each job comes again, without inputs, as long as its result has the header
                 ts_stream_next with the value "true". With ahead (0 or 1, a pipe) it may come before this one has
                 been answered, and is begun only by who finds its number in the pipe, else passed over.
                 in_memory, when the batch has the shared memory to itself until it is answered: how many bytes of its
                 body lie at the start of it. 0 when the frame has the body, as always without in_memory.
    THREADS      engine to worker, at any time after LOAD: threads, how many threads the numeric libraries use from now
                 on. It takes effect between two batches.
    PARTIAL      worker to engine: batch, results: one [length, status, phrase, headers] for each job, in order. The
                 body is every piece. More frames for this batch follow. An asynchronous worker answers its batches in
                 any order.
    REPLY        as PARTIAL, and ends the batch: also took, how many milliseconds the handler needed, and maybe metrics,
                 as METRICS has them, and maybe in_memory: how many bytes of the body lie at the start of the shared
                 memory, which the batch must have. The frame has no body then.
    FAILED       worker to engine, ends the batch for every job in it: batch, code, message.
    METRICS      worker to engine, at any time: metrics: a list of {"name", "value", "unit", "type", "dimensions":
                 [[name, value], ...], "request_ids": [...]}.

The worker leaves when its socket closes. Nothing is ever pickled.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, NamedTuple

MAGIC = b"MF"
FORMAT = 1
PREFIX = struct.Struct(">2sBBIQ")
MAX_META = 16 * 1024 * 1024
# The meta of a PREDICT frame describes every job of its batch. The engine checks each job, so a worker takes more.
MAX_JOB_META = 4 * 1024 * 1024
MAX_BATCH_META = 1024 * 1024 * 1024
# The number of a batch as it goes through the pipe of those sent ahead, at once and whole.
CLAIM = struct.Struct("=Q")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()


class Kind(IntEnum):
    """What a frame is for; the module's docstring lists what each carries."""

    LOAD = 1
    LOADED = 2
    LOAD_FAILED = 3
    PREDICT = 4
    PARTIAL = 5
    REPLY = 6
    FAILED = 7
    METRICS = 8
    THREADS = 9


_KINDS = {kind.value: kind for kind in Kind}


class FrameError(Exception):
    """The other side sent something that is no frame, or one larger than allowed."""


class Prefix(NamedTuple):
    """The first 16 bytes of a frame, read and checked; lengths are bytes."""

    kind: Kind
    meta_length: int
    body_length: int


def encode_head(kind: Kind, meta: bytes, body_length: int) -> bytes:
    """Return prefix and meta, ready to be followed by `body_length` bytes of body.

    Raises ValueError for a meta that no reader takes.
    """
    if len(meta) > (MAX_BATCH_META if kind is Kind.PREDICT else MAX_META):
        raise ValueError(f"{len(meta)} bytes describe it, more than a frame holds")
    return PREFIX.pack(MAGIC, FORMAT, kind, len(meta), body_length) + meta


def encode_meta(meta: dict[str, Any]) -> bytes:
    """Return `meta` as compact JSON in UTF-8; raises TypeError for what JSON cannot say."""
    return _ENCODER.encode(meta).encode()


def decode_meta(meta: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Return the JSON object in `meta`; raises FrameError when it is none."""
    try:
        text = str(meta, "utf-8")
        value, end = _DECODER.raw_decode(text)
    except ValueError as error:
        raise FrameError(f"frame meta is no JSON: {error}") from None
    if end != len(text):
        raise FrameError(f"frame meta goes on after its JSON, at {end} of {len(text)}")
    if not isinstance(value, dict):
        raise FrameError(f"frame meta is no JSON object but {type(value).__name__}")
    return value


def decode_prefix(data: bytes | bytearray | memoryview, max_body: int, max_meta: int = MAX_META) -> Prefix:
    """Read the first 16 bytes of `data`; raises FrameError for a foreign magic, kind or an oversized frame."""
    magic, version, kind, meta_length, body_length = PREFIX.unpack_from(data)
    if magic != MAGIC or version != FORMAT:
        raise FrameError(f"not a frame: begins with {bytes(data[:4])!r}")
    if meta_length > max_meta:
        raise FrameError(f"frame meta of {meta_length} bytes is over the limit of {max_meta}")
    if body_length > max_body:
        raise FrameError(f"frame body of {body_length} bytes is over the limit of {max_body}")
    if kind not in _KINDS:
        raise FrameError(f"unknown frame kind {kind}")
    return Prefix(_KINDS[kind], meta_length, body_length)
