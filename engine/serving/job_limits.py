"""How a job with many inputs is kept within what a worker takes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import BadRequestError
from engine.runtime.frames import MAX_JOB_META
from engine.workers.channel import encode_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.serving.jobs import Input

# The characters of a single input's name that need no closer look.
SHORT_NAME = 1000
# From this many pieces on, pieces that are shorter than this on average are joined: each costs a call when it is sent.
MANY_PIECES, SHORT_PIECE = 64, 4096
# Characters in the description of an input besides its name and type. A description of up to `SURELY_FITS` characters
# is within what a worker takes, however many of them are escaped, which makes six bytes of one.
PER_INPUT = 32
SURELY_FITS = MAX_JOB_META // 8


def joined(pieces: list[bytes]) -> list[bytes]:
    """Return the pieces, joined where they are many and short."""
    if len(pieces) < MANY_PIECES or sum(map(len, pieces)) > len(pieces) * SHORT_PIECE:
        return pieces
    return [b"".join(pieces)]


def require_fit(meta: dict[str, Any], inputs: Sequence[Input]) -> None:
    """Raise BadRequestError for a job whose description, `meta`, is longer than a worker takes."""
    if sum(len(part.name) + len(part.content_type) + PER_INPUT for part in inputs) <= SURELY_FITS:
        return
    try:
        size = len(encode_json(meta))
    except UnicodeEncodeError:
        return  # whatever sends the job says what is wrong with it
    if size > MAX_JOB_META:
        raise BadRequestError(
            f"The names of the {len(inputs)} inputs take up {size} bytes, and {MAX_JOB_META} are the most. Send fewer "
            "inputs, or shorter names."
        )
