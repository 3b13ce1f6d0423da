"""What tells one state of a file on a server from another, and so whether its parts fit together. Pure.

RFC 9110: only a strong validator promises that the bytes are the same, and only such are used.
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
# An entity tag in quotes; one with W/ before them is weak.
_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
# A file may change twice within the second that Last-Modified tells; a minute also forgives clocks.
_SETTLED = timedelta(seconds=60)
ETAG, DATE = "ETag", "Last-Modified"


class Validator(NamedTuple):
    """`header` is ETAG or DATE, `value` what the server said there."""

    header: str
    value: str

    def rest(self, done: int) -> dict[str, str]:
        """Return the headers that ask for what follows the first `done` bytes, or for all when the file changed."""
        return {"Range": f"bytes={done}-", "If-Range": self.value}

    def changed(self) -> dict[str, str]:
        """Return the headers that ask for the file only when it is another by now."""
        return {"If-None-Match" if self.header == ETAG else "If-Modified-Since": self.value}

    def continues(self, headers: Mapping[str, str], done: int, total: int) -> bool:
        """Whether a part is what follows the first `done` of `total` bytes; `total` is 0 when nobody knows it.

        S3 passes If-Range over, and would send a part of another object: the validator of the answer is compared.
        """
        found = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if found is None or int(found[1]) != done or (total and found[3] not in {"*", str(total)}):
            return False
        # RFC 9110: after If-Range with a date the answer may leave that header out; an entity tag it repeats.
        return headers.get(self.header, "" if self.header == ETAG else self.value) == self.value


def validator_of(headers: Mapping[str, str]) -> Validator | None:
    """Return the strong validator of an answer, None when it has none."""
    if _STRONG.fullmatch(headers.get(ETAG, "")):
        return Validator(ETAG, headers[ETAG])
    modified, now = _time(headers.get(DATE, "")), _time(headers.get("Date", ""))
    if ETAG in headers or modified is None or now is None or now - modified < _SETTLED:
        return None
    return Validator(DATE, headers[DATE])


def whole_size(headers: Mapping[str, str]) -> int | None:
    """Return the size of the whole file that an answer with a part of it tells."""
    found = _RANGE.fullmatch(headers.get("Content-Range", ""))
    return int(found[3]) if found and found[3] != "*" else None


def _time(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
