from __future__ import annotations

from engine.snapshots import Key, VersionState
from gui.desktop.happenings import Happening, Kind, Looks, look, sentences

DIGITS, DENOISER = Key("digits", "1.0"), Key("denoiser", "0.9")
READY, LOADING, FAILED, BUSY, IDLE = (
    VersionState.READY,
    VersionState.LOADING,
    VersionState.FAILED,
    VersionState.BUSY,
    VersionState.IDLE,
)


def story(*states: VersionState | None, seconds: float = 1.0) -> list[Kind]:
    """What is told while one version goes through these states, a look each `seconds`; None is not registered."""
    seen: Looks | None = None
    told: list[Happening] = []
    for step, state in enumerate(states):
        seen, new = look(seen, {DIGITS: state} if state else {}, step * seconds)
        told += new
    return [happening.kind for happening in told]


def test_the_first_look_tells_nothing() -> None:
    assert story(FAILED) == []


def test_a_failure_is_told_once_until_the_version_was_well_again() -> None:
    assert story(READY, FAILED, LOADING, FAILED, FAILED) == [Kind.FAILED]
    assert story(READY, FAILED, LOADING, READY, FAILED) == [Kind.FAILED, Kind.FAILED]


def test_a_version_that_comes_failed_is_told() -> None:
    assert story(None, FAILED) == [Kind.FAILED]


def test_only_a_long_loading_is_told() -> None:
    assert story(LOADING, READY) == []
    assert story(LOADING, LOADING, READY, seconds=2.6) == [Kind.LOADED]
    assert story(LOADING, BUSY, seconds=6) == [Kind.LOADED]
    assert story(LOADING, IDLE, seconds=6) == []


def test_requests_and_unregistering_are_no_news() -> None:
    assert story(READY, BUSY, IDLE, None, READY, seconds=10) == []


def test_the_sentences_group_by_kind_and_count_what_is_too_much() -> None:
    keys = [Key(f"m{n}", "1") for n in range(5)]
    happenings = [*(Happening(Kind.FAILED, key) for key in keys), Happening(Kind.LOADED, DENOISER)]
    assert sentences(happenings) == [
        "5 models failed: m0 1, m1 1, m2 1, 2 more",
        "1 model is ready: denoiser 0.9",
    ]
    assert sentences([]) == []
