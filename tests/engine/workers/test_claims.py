"""The pipe in which a batch's number says who may begin it: both ends of it, and the channel around the engine's."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.runtime.ahead import Claims as TheirClaims
from engine.runtime.ahead import open_claims
from engine.workers.claims import Claims, claims

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the pipe is opened under /proc")


@contextmanager
def a_pipe() -> Iterator[Claims]:
    ours = claims()
    assert ours is not None
    yield ours
    ours.close()


def test_the_worker_may_begin_a_batch_once() -> None:
    with a_pipe() as ours, opened(ours) as theirs:
        pipe = ours.offer(7)
        assert theirs.take(pipe, 7)
        assert not theirs.take(pipe, 7)
        assert not ours.take_back()


def test_what_the_engine_took_back_is_not_begun() -> None:
    with a_pipe() as ours, opened(ours) as theirs:
        pipe = ours.offer(7)
        assert ours.take_back()
        assert not theirs.take(pipe, 7)


def test_a_batch_that_was_taken_back_does_not_begin_in_the_name_of_the_next() -> None:
    with a_pipe() as ours, opened(ours) as theirs:
        pipe = ours.offer(7)
        ours.take_back()
        assert ours.offer(8) == pipe
        assert not theirs.take(pipe, 7)
        assert not ours.take_back(), "the worker has its number already"
        assert theirs.take(pipe, 8)


def test_the_next_batch_is_taken_back_before_the_worker_has_read_the_number_of_the_one_before() -> None:
    with a_pipe() as ours, opened(ours) as theirs:
        first, second = ours.offer(7), ours.offer(8)
        assert ours.take_back()
        assert theirs.take(first, 7)
        assert not theirs.take(second, 8)


def test_a_worker_whose_engine_has_gone_begins_nothing() -> None:
    with a_pipe() as ours:
        theirs = open_claims(ours.places)
    assert theirs is not None
    assert not theirs.take(0, 1)
    close(theirs)


@pytest.mark.parametrize("places", [None, [("/proc/self/fd/nothing", "pipe:[1]")]])
def test_a_worker_without_a_pipe_has_no_claims(places: list[tuple[str, str]] | None) -> None:
    assert open_claims(places) is None


def test_there_are_no_claims_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert claims() is None


def test_there_are_none_either_when_the_process_may_open_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = [os.pipe()]

    def open_one(_flags: int) -> tuple[int, int]:
        if not pipes:
            raise OSError(24, "Too many open files")
        return pipes.pop()

    monkeypatch.setattr(os, "pipe2", open_one)
    before = set(Path("/proc/self/fd").iterdir())
    assert claims() is None
    assert len(before) - len(set(Path("/proc/self/fd").iterdir())) == 2, "the one that it could open is closed again"


@contextmanager
def opened(ours: Claims) -> Iterator[TheirClaims]:
    theirs = open_claims(ours.places)
    assert theirs is not None
    yield theirs
    close(theirs)


def close(theirs: TheirClaims) -> None:
    for end in theirs._pipes:
        os.close(end)


def test_a_worker_does_not_read_from_a_pipe_that_is_another_s() -> None:
    with a_pipe() as ours, a_pipe() as others:
        ours.offer(7)
        exchanged = [(path, name) for (path, _), (_, name) in zip(ours.places, others.places, strict=True)]
        assert open_claims(exchanged) is None
        assert ours.take_back()
