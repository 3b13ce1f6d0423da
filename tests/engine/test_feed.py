"""Readers of the feed end up right, however late they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.registry import feed as feeds
from engine.registry.feed import Feed
from engine.snapshots import Key

A, B, C = (Key(name, "1") for name in "abc")


def test_a_first_reader_gets_everything() -> None:
    feed = Feed()
    feed.touch(A)
    feed.touch(B)
    feed.remove(A)

    news = feed.since(0)

    assert (news.changed, news.removed, news.complete) == ((B,), (), True)


def test_a_reader_that_knows_everything_gets_nothing() -> None:
    feed = Feed()
    feed.touch(A)

    assert feed.since(feed.revision) == (feed.revision, (), (), False)


def test_only_what_is_newer_comes_oldest_change_first() -> None:
    feed = Feed()
    for key in (A, B, C):
        feed.touch(key)
    seen = feed.revision
    feed.touch(B)
    feed.touch(A)
    feed.remove(C)

    news = feed.since(seen)

    assert (news.changed, news.removed, news.complete) == ((B, A), (C,), False)


def test_a_key_that_came_back_is_no_longer_removed() -> None:
    feed = Feed()
    feed.touch(A)
    seen = feed.revision
    feed.remove(A)
    feed.touch(A)

    news = feed.since(seen)

    assert (news.changed, news.removed) == ((A,), ())


def test_tombstones_are_bounded_and_a_reader_from_before_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MAX_TOMBSTONES", 2)
    feed = Feed()
    feed.touch(A)
    before = feed.revision
    for number in range(3):
        feed.remove(Key("gone", str(number)))

    assert len(feed._removed) == 2
    assert feed.since(before).complete
    assert feed.since(before).changed == (A,)
    late = feed.since(before + 1)
    assert late.complete or late.removed == (Key("gone", "1"), Key("gone", "2"))


def test_every_change_wakes_until_the_subscription_ends() -> None:
    feed = Feed()
    woken: list[int] = []
    unsubscribe = feed.subscribe(lambda: woken.append(feed.revision))
    feed.touch(A)
    feed.remove(A)
    unsubscribe()
    unsubscribe()
    feed.touch(B)

    assert woken == [2, 3]


def test_a_subscriber_may_leave_while_it_is_woken() -> None:
    feed = Feed()
    woken: list[str] = []

    def once() -> None:
        woken.append("once")
        leave()

    leave = feed.subscribe(once)
    feed.subscribe(lambda: woken.append("always"))
    feed.touch(A)
    feed.touch(A)

    assert woken == ["once", "always", "always"]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([A, B, C]), st.booleans())))
def test_a_reader_that_looks_now_and_then_sees_what_there_is(steps: list[tuple[bool, Key, bool]]) -> None:
    feed, there, seen = Feed(), set[Key](), set[Key]()
    revision = 0
    for appears, key, reads in [*steps, (True, A, True)]:
        if appears:
            feed.touch(key)
            there.add(key)
        else:
            feed.remove(key)
            there.discard(key)
        if reads:
            news = feed.since(revision)
            seen = (set() if news.complete else seen - {*news.removed}) | {*news.changed}
            revision = news.revision

    assert seen == there
