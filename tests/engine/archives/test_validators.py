"""Whether parts of a file fit together: by strong validators alone, and by what the answer says it is."""

from __future__ import annotations

import pytest

from engine.archives.validators import DATE, ETAG, Validator, validator_of, whole_size

OLD, NOW = "Mon, 02 Jan 2023 03:04:05 GMT", "Mon, 02 Jan 2023 03:05:05 GMT"
ONE = Validator(ETAG, '"1"')


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"ETag": '"1"'}, ONE),
        ({"ETag": '""'}, Validator(ETAG, '""')),
        ({"ETag": 'W/"1"'}, None),
        ({"ETag": "1"}, None),
        ({"ETag": '"a\nb"'}, None),
        ({"ETag": '"a"b"'}, None),
        ({"ETag": 'W/"1"', "Last-Modified": OLD, "Date": NOW}, None),
        ({"Last-Modified": OLD, "Date": NOW}, Validator(DATE, OLD)),
        ({"Last-Modified": OLD, "Date": OLD}, None),
        ({"Last-Modified": OLD}, None),
        ({"Last-Modified": "yesterday", "Date": NOW}, None),
        ({"Last-Modified": OLD.replace("GMT", "-0000"), "Date": NOW}, Validator(DATE, OLD.replace("GMT", "-0000"))),
        ({}, None),
    ],
)
def test_only_what_changes_with_every_byte_is_a_validator(headers: dict[str, str], found: Validator | None) -> None:
    assert validator_of(headers) == found


@pytest.mark.parametrize(
    ("validator", "headers", "fits"),
    [
        (ONE, {"ETag": '"1"', "Content-Range": "bytes 5-9/10"}, True),
        (ONE, {"ETag": '"1"', "Content-Range": "bytes 5-7/10"}, True),
        (ONE, {"ETag": '"1"', "Content-Range": "bytes 5-9/*"}, True),
        (ONE, {"ETag": '"2"', "Content-Range": "bytes 5-9/10"}, False),
        (ONE, {"Content-Range": "bytes 5-9/10"}, False),
        (ONE, {"ETag": '"1"', "Content-Range": "bytes 4-9/10"}, False),
        (ONE, {"ETag": '"1"', "Content-Range": "bytes 5-9/11"}, False),
        (ONE, {"ETag": '"1"', "Content-Range": "lines 5-9/10"}, False),
        (ONE, {"ETag": '"1"'}, False),
        (Validator(DATE, OLD), {"Content-Range": "bytes 5-9/10"}, True),
        (Validator(DATE, OLD), {"Last-Modified": NOW, "Content-Range": "bytes 5-9/10"}, False),
    ],
)
def test_a_part_goes_on_only_when_it_says_so(validator: Validator, headers: dict[str, str], *, fits: bool) -> None:
    assert validator.continues(headers, 5, 10) is fits


def test_what_is_asked() -> None:
    assert ONE.rest(5) == {"Range": "bytes=5-", "If-Range": '"1"'}
    assert ONE.changed() == {"If-None-Match": '"1"'}
    assert Validator(DATE, OLD).changed() == {"If-Modified-Since": OLD}


@pytest.mark.parametrize(("text", "size"), [("bytes 0-0/12", 12), ("bytes 0-0/*", None), ("", None)])
def test_the_size_of_the_whole_is_read_from_a_part(text: str, size: int | None) -> None:
    assert whole_size({"Content-Range": text}) == size
