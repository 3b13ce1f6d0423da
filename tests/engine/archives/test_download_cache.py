"""Archives that are kept: the newest ones, as many as fit, and none that is not whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.archives.download_cache import DownloadCache, key_of
from engine.archives.validators import ETAG, Validator

ONE = Validator(ETAG, '"1"')


@pytest.fixture
def cache(tmp_path: Path) -> DownloadCache:
    return DownloadCache(tmp_path / "cache" / "downloads", 25)


def keep(cache: DownloadCache, folder: Path, *keys: str, size: int = 10) -> None:
    for key in keys:
        (folder / f"{key}.mar").write_bytes(bytes(size))
        cache.keep(key, folder / f"{key}.mar", f"sum of {key}", ONE)


def test_what_is_kept_is_found_after_the_archive_has_gone(cache: DownloadCache, tmp_path: Path) -> None:
    assert cache.find("a") is None
    keep(cache, tmp_path, "a")
    (tmp_path / "a.mar").unlink()
    found = cache.find("a")
    assert found is not None
    assert (found.sha256, found.validator, found.path.read_bytes()) == ("sum of a", ONE, bytes(10))
    assert found.path.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_not_asked_for_longest_goes_first(cache: DownloadCache, tmp_path: Path) -> None:
    keep(cache, tmp_path, "a", "b")
    for age, key in enumerate("ab"):
        os.utime(tmp_path / "cache" / "downloads" / f"{key}.json", (age, age))
    assert cache.find("a")
    keep(cache, tmp_path, "c")
    assert [key for key in "abc" if cache.find(key)] == ["a", "c"]
    assert len(list((tmp_path / "cache" / "downloads").iterdir())) == 4


def test_what_does_not_fit_is_not_kept_and_costs_nothing(cache: DownloadCache, tmp_path: Path) -> None:
    keep(cache, tmp_path, "a")
    keep(cache, tmp_path, "b", size=26)
    assert [key for key in "ab" if cache.find(key)] == ["a"]


def test_another_state_takes_the_place_of_the_old_one(cache: DownloadCache, tmp_path: Path) -> None:
    keep(cache, tmp_path, "a")
    keep(cache, tmp_path, "a", size=5)
    found = cache.find("a")
    assert found is not None
    assert found.path.stat().st_size == 5


def test_what_is_no_whole_entry_goes(cache: DownloadCache, tmp_path: Path) -> None:
    keep(cache, tmp_path, "a", "b")
    folder = tmp_path / "cache" / "downloads"
    (folder / "a.archive").unlink()
    (folder / "b.json").write_text("nonsense")
    (folder / "x.new").touch()
    assert cache.find("a") is None
    assert cache.find("b") is None
    keep(cache, tmp_path, "c")
    assert not (folder / "x.new").exists()
    assert not (folder / "a.json").exists()


def test_a_folder_that_cannot_be_made_costs_no_download(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep(DownloadCache(tmp_path / "file", 100), tmp_path, "a")


def test_a_key_tells_nothing_of_the_url() -> None:
    keys = {
        key_of(url, signed=signed, profile=profile)
        for url in ("https://h/x.mar?token=secret", "https://h/x.mar")
        for signed in (True, False)
        for profile in (None, "p")
    }
    assert len(keys) == 8
    assert not any("secret" in key for key in keys)
