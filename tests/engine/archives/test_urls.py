"""Which URLs may be fetched: the default rule, the setting `allowed_urls`, and URLs that pretend."""

from __future__ import annotations

import pytest

from engine.archives.urls import file_name, is_public, is_remote, judge, reaching_inside, shown
from engine.errors import ArchiveNotFoundError

EVERYTHING = ("file://.*", "http(s)?://.*")
FIRST_EXAMPLE = "https://torchserve.pytorch.org/mar_files/squeezenet1_1.mar"
GOOD = (r"https://good\.example/.*",)


def refusal(url: str, allowed: tuple[str, ...] | None) -> str:
    with pytest.raises(ArchiveNotFoundError) as refused:
        judge(url, allowed)
    return str(refused.value)


def test_the_documents_first_example_may_be_fetched_from_public_addresses() -> None:
    source = judge(FIRST_EXAMPLE, None)

    assert source.public_only
    assert file_name(source) == "squeezenet1_1.mar"


def test_a_file_needs_the_setting() -> None:
    text = refusal("file:///etc/passwd", None)

    assert text.startswith("Given URL file:///etc/passwd does not match any allowed URL(s)")
    assert "allowed_urls" in text
    assert judge("file:///etc/passwd", EVERYTHING).is_file


@pytest.mark.parametrize(
    ("url", "patterns"),
    [
        ("http://127.0.0.1:7/x.mar", ("https://.*", "http://127.0.0.1:[0-9]+/.*")),
        ("HTTPS://Good.Example/x.mar", GOOD),
        ("https://good.example/x.mar?https://evil/", GOOD),
    ],
)
def test_the_setting_is_taken_literally(url: str, patterns: tuple[str, ...]) -> None:
    source = judge(url, patterns)

    assert source.url == url
    assert not source.public_only


@pytest.mark.parametrize(
    "url",
    [
        "http://good.example/x.mar",
        "https://good.example.evil/x.mar",
        "https://goodXexample/x.mar",
        "https://evil/?https://good.example/x.mar",
        "https://evil/https://good.example/x.mar",
        "https://evil#https://good.example/x.mar",
        "https://g\u043e\u043ed.example/x.mar",
        "file:///x.mar",
    ],
)
def test_what_no_pattern_matches_as_a_whole_is_not_allowed(url: str) -> None:
    assert refusal(url, GOOD) == f"Given URL {url} does not match any allowed URL(s)"


def test_an_empty_setting_allows_nothing() -> None:
    assert refusal(FIRST_EXAMPLE, ()) == f"Given URL {FIRST_EXAMPLE} does not match any allowed URL(s)"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://good.example@evil/x.mar", "holds a user name"),
        ("https://user:secret@good.example/x.mar", "holds a user name"),
        ("https://@good.example/x.mar", "holds a user name"),
        ("https://good.example\\@evil/x.mar", "malformed"),
        ("https://good.example/a\\x.mar", "has a backslash or a blank"),
        ("https://good.example/a x.mar", "has a backslash or a blank"),
        ("https://good.example/x.mar\r\nHost: evil", "has a control character"),
        ("https://good.example/x\0.mar", "has a control character"),
        ("https://good.example/x\t.mar", "has a control character"),
        ("https://good.example/\u202eram.x", "has a control character"),
        ("https://evil\uff0f.good.example/x.mar", "malformed"),
        ("http://h:99999/x.mar", "malformed"),
        ("http://", "names no host"),
        ("http:///x.mar", "names no host"),
        ("file://host/share/x.mar", "names another machine"),
    ],
)
@pytest.mark.parametrize("allowed", [EVERYTHING, None], ids=["everything", "default"])
def test_a_url_that_may_lead_elsewhere_than_it_looks_is_never_allowed(
    url: str, reason: str, allowed: tuple[str, ...] | None
) -> None:
    assert reason in refusal(url, allowed)


@pytest.mark.parametrize("path", ["../x.mar", "a/../x.mar", "a..b/x.mar", "%2e%2e/x.mar", "%2E./x.mar", "x.mar?.."])
def test_a_relative_path_is_refused(path: str) -> None:
    url = f"https://good.example/{path}"

    assert refusal(url, EVERYTHING) == f"Relative path is not allowed in url: {url}"


@pytest.mark.parametrize(
    ("path", "name"),
    [("x.mar", "x.mar"), ("a/b/x.tar.gz", "x.tar.gz"), ("x.mar?version=1&a=/b.mar", "x.mar"), ("a%20b.mar", "a b.mar")],
)
def test_the_archive_is_called_as_the_path_ends(path: str, name: str) -> None:
    assert file_name(judge(f"https://good.example/{path}", None)) == name


@pytest.mark.parametrize(
    "path",
    [
        "",
        "models/",
        "?x.mar",
        "a%2fb.mar",
        "%00.mar",
        "CON.mar",
        "a.mar::$DATA",
        "x.mar.",
        "x.mar%20",
        ".x.mar",
        "x" * 300,
    ],
)
def test_a_name_that_no_file_may_have_is_refused(path: str) -> None:
    with pytest.raises(ArchiveNotFoundError, match="its file name"):
        file_name(judge(f"https://good.example/{path}", EVERYTHING))


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        ("http://h/x.mar", True),
        ("HTTPS://h/x.mar", True),
        ("file:///x.mar", True),
        ("x.mar", False),
        ("/a/x.mar", False),
        ("//evil/x.mar", False),
        ("s3://bucket/x.mar", True),
        ("ftp://h/x.mar", False),
        ("http:x.mar", False),
        ("C:x.mar", False),
    ],
)
def test_only_four_schemes_are_fetched(url: str, remote: bool) -> None:  # noqa: FBT001 - a case
    assert is_remote(url) is remote


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public(address)


def test_patterns_that_reach_inside_are_named() -> None:
    inside = ["file:///models/.*", "http(s)?://.*", r"http://localhost(:\d+)?/.*", "http://127.0.0.1:[0-9]+/x-.*"]

    assert reaching_inside([*GOOD, *inside]) == inside
    assert reaching_inside(None) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("digits.mar", "digits.mar"),
        ("what?.mar", "what?.mar"),
        ("https://host/a.mar?X-Amz-Signature=secret#part", "https://host/a.mar"),
        ("https://user:secret@host/a.mar", "https://host/a.mar"),
        ("https://host/a.mar#secret", "https://host/a.mar"),
        ("s3://bucket/key.mar", "s3://bucket/key.mar"),
        ("file:///a/b.mar", "file:///a/b.mar"),
        ("https://[broken?secret", "https://[broken"),
    ],
)
def test_nothing_secret_of_a_url_is_shown(url: str, expected: str) -> None:
    assert shown(url) == expected
