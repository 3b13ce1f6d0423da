from __future__ import annotations

import pytest

from engine.settings import Settings
from gui.dialogs.registering import reach
from gui.dialogs.registering.defaults import defaults

OPEN = Settings()


@pytest.mark.parametrize(
    "url", ["https://models.example/a.mar", "http://models.example/a.mar?x=1", "s3://bucket/a.mar"]
)
def test_a_usual_address_is_let_through(url: str) -> None:
    assert reach.url_problem(url, OPEN) == ""


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "Type the address"),
        ("ftp://models.example/a.mar", "must begin with"),
        ("https:///a.mar", "no host"),
        ("http://[::1/a.mar", "no host"),
        ("https://models.example/../a.mar", "must not hold"),
        ("https://models.example/a b.mar", "must not hold"),
        ("https://models.example/", "names no file"),
        ("file:///etc/passwd", "chosen under File"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_its_reason(url: str, told: str) -> None:
    assert told in reach.url_problem(url, OPEN)


def test_the_setting_is_taken_literally() -> None:
    settings = OPEN.replace(allowed_urls=(r"https://models\.example/.*",))
    assert reach.url_problem("HTTPS://models.example/a.mar", settings) == ""
    assert "does not let" in reach.url_problem("https://other.example/a.mar", settings)
    assert r"models\.example" in reach.allowed_words(settings)
    assert "chosen in the window" in reach.allowed_words(settings)


def test_an_empty_setting_lets_nothing_be_fetched() -> None:
    settings = OPEN.replace(allowed_urls=())
    assert "lets nothing be fetched" in reach.allowed_words(settings)
    assert reach.url_problem("https://models.example/a.mar", settings)


@pytest.mark.parametrize("pattern", [".*", "https?://.*", "file:///.*", r"http://192\.168\..*", "http://localhost/.*"])
def test_a_pattern_that_opens_the_inside_is_warned_of(pattern: str) -> None:
    assert reach.warning(OPEN.replace(allowed_urls=(pattern,)))


def test_others_are_not_warned_of() -> None:
    assert reach.warning(OPEN) == ""
    assert reach.warning(OPEN.replace(allowed_urls=(r"https://models\.example/.*",))) == ""


def test_a_bucket_with_a_dot_is_named_in_the_path() -> None:
    assert reach.s3_url("my.models", "a b.mar", "us-east-1") == "https://s3.us-east-1.amazonaws.com/my.models/a%20b.mar"


@pytest.mark.parametrize(
    ("bucket", "key", "region", "told"),
    [("", "a", "", "bucket"), ("b!", "a", "", "bucket"), ("bucket", "", "", "key"), ("bucket", "a/", "", "folder")],
)
def test_what_names_no_object_is_refused(bucket: str, key: str, region: str, told: str) -> None:
    assert told in reach.s3_problem(bucket, key, region)


def test_defaults_know_where_they_come_from() -> None:
    settings = OPEN.replace(default_workers_per_model=3)
    found = defaults(settings, "digits", "1.0")
    assert str(found["initial_workers"]) == "3, chosen in the window"
    assert str(found["startup_timeout"]) == "120 by default"
