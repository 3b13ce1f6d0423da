"""Which bucket, key, version and region a URL names, and how S3 spells it for a signature."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from engine.archives.s3_urls import S3Object, canonical, is_aws_host, is_presigned, is_s3, s3_object
from engine.errors import BadRequestError

KEY = S3Object("bucket", "models/x.mar")
EU = S3Object("bucket", "models/x.mar", None, "eu-west-1")
# What a URL can hold at all: no dot-dot, which is refused before, and no surrogates.
KEYS = st.text(st.characters(codec="utf-8", exclude_characters=".\0"), min_size=1).map(lambda text: f"{text}/x.mar")


def found(url: str) -> S3Object | None:
    return s3_object(url, URL(url))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket/models/x.mar", KEY),
        ("S3://bucket/models/x.mar", KEY),
        ("s3://My_Bucket/x.mar", S3Object("My_Bucket", "x.mar")),
        ("s3://bucket/models/x.mar?versionId=a%2Bb", S3Object("bucket", "models/x.mar", "a+b")),
        ("https://bucket.s3.amazonaws.com/models/x.mar", KEY),
        ("http://bucket.s3.amazonaws.com/models/x.mar", KEY),
        ("https://BUCKET.s3.amazonaws.com:443/models/x.mar", KEY),
        ("https://bucket.s3.eu-west-1.amazonaws.com/models/x.mar", EU),
        ("https://bucket.s3-eu-west-1.amazonaws.com/models/x.mar", EU),
        ("https://bucket.s3.dualstack.eu-west-1.amazonaws.com/models/x.mar", EU),
        ("https://bucket.s3-accelerate.amazonaws.com/models/x.mar", KEY),
        ("https://bucket.s3-accelerate.dualstack.amazonaws.com/models/x.mar", KEY),
        ("https://s3.amazonaws.com/bucket/models/x.mar", KEY),
        ("https://s3.eu-west-1.amazonaws.com/bucket/models/x.mar", EU),
        ("https://s3.us-gov-west-1.amazonaws.com/b-1/x.mar", S3Object("b-1", "x.mar", None, "us-gov-west-1")),
        ("https://s3.cn-north-1.amazonaws.com.cn/b-1/x.mar", S3Object("b-1", "x.mar", None, "cn-north-1")),
        ("https://a.b.s3.eu-west-1.amazonaws.com/x.mar", S3Object("a.b", "x.mar", None, "eu-west-1")),
        ("https://my.s3.s3.amazonaws.com/x.mar", S3Object("my.s3", "x.mar")),
        ("https://bucket.s3.amazonaws.com/x.mar?versionId=7", S3Object("bucket", "x.mar", "7")),
        ("https://bucket.s3.amazonaws.com/a+b%20c%2520.mar", S3Object("bucket", "a+b c%20.mar")),
    ],
)
def test_the_forms_of_a_url(url: str, expected: S3Object) -> None:
    assert found(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://torchserve.pytorch.org/sse-test/squeezenet1_1.mar",
        "http://127.0.0.1:9000/bucket/x.mar",
        "https://s3.amazonaws.com.evil/bucket/x.mar",
        "https://evils3.amazonaws.com/bucket/x.mar",
        "https://bucket.s3.evil.amazonaws.com/x.mar",
        "https://bucket.s3.amazonaws.com:8443/x.mar",
        "https://bucket.s3-website-eu-west-1.amazonaws.com/x.mar",
        "https://amazonaws.com/s3/x.mar",
    ],
)
def test_other_hosts_are_taken_as_they_are(url: str) -> None:
    assert found(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3://", "names no bucket"),
        ("s3:///x.mar", "names no bucket"),
        ("s3://b/x.mar", "names no bucket"),
        ("s3://b:80/x.mar", "names no bucket"),
        ("s3://b%20c/x.mar", "names no bucket"),
        ("s3://bucket", "names no key"),
        ("s3://bucket/", "names no key"),
        ("s3://bucket?versionId=1", "names no key"),
        ("s3://bucket/models/", "names a folder"),
        ("s3://bucket/x.mar#1", "has a fragment"),
        ("s3://bucket/x.mar?versionId=1&acl", "has the parameter acl"),
        ("s3://bucket/%ff.mar", "no UTF-8"),
        ("https://bucket.s3.amazonaws.com/", "names no key"),
        ("https://s3.amazonaws.com/bucket", "names no key"),
        ("https://s3.amazonaws.com/", "names no bucket"),
        ("https://bucket.s3.amazonaws.com/x.mar?uploads", "has the parameter uploads"),
    ],
)
def test_what_names_no_object_is_refused_with_the_way_out(url: str, problem: str) -> None:
    with pytest.raises(BadRequestError, match=problem):
        found(url)


@given(KEYS)
def test_a_key_is_decoded_once_whatever_it_holds(key: str) -> None:
    for url in (f"s3://bucket/{quote(key)}", f"https://s3.amazonaws.com/bucket/{quote(key)}"):
        read = found(url)
        assert read is not None
        assert read.key == key


@given(KEYS)
def test_a_url_is_signed_in_one_spelling(key: str) -> None:
    spelt = canonical(URL(f"https://minio:9000/bucket/{quote(key)}"))

    assert str(spelt) == f"https://minio:9000/bucket/{quote(key, safe='/~')}"
    assert canonical(URL(str(spelt))) == spelt


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("https://H/a(b)+c'.mar", "https://h/a%28b%29%2Bc%27.mar"),
        ("https://h:443/a%7eb.mar", "https://h/a~b.mar"),
        ("https://h/x.mar?versionId=a/b&c", "https://h/x.mar?versionId=a%2Fb&c="),
        ("https://[::1]:9000/x.mar", "https://[::1]:9000/x.mar"),
    ],
)
def test_the_spelling_is_that_of_s3(url: str, spelt: str) -> None:
    assert str(canonical(URL(url))) == spelt


def test_a_bucket_with_a_dot_has_no_host_of_its_own() -> None:
    assert S3Object("bucket", "x").style == "virtual"
    assert S3Object("my.bucket", "x").style == "path"


def test_an_object_is_named_on_one_printable_line() -> None:
    assert str(S3Object("bucket", "x.mar", "7")) == "x.mar in the bucket bucket (version 7)"
    assert "\n" not in str(S3Object("bucket", "x\n.mar"))


def test_small_questions() -> None:
    assert is_s3("S3://bucket/x")
    assert not is_s3("https://bucket.s3.amazonaws.com/x")
    assert is_presigned(URL("https://h/x.mar?X-Amz-Signature=1"))
    assert is_aws_host("s3.eu-west-1.amazonaws.com")
    assert not is_aws_host("minio.example")
