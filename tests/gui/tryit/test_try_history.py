from __future__ import annotations

from pathlib import Path

from engine.snapshots import Key, VersionState
from gui.tryit.answer import Answer, Exchange, Failure, latency_words, status_words, what_helps
from gui.tryit.history import History
from gui.tryit.request import Draft


def an_answer(status: int = 200, body: bytes = b"x", **changed: object) -> Answer:
    headers = changed.pop("headers", ())
    return Answer(status, "", headers, body, len(body), 0.01, **changed)  # type: ignore[arg-type]


def an_exchange(at: float, name: str = "digits", body: bytes = b"x", file: Path | None = None) -> Exchange:
    return Exchange(Key(name, "1.0"), Draft(), at, an_answer(body=body, file=file))


def test_the_newest_is_first_and_the_oldest_goes() -> None:
    removed: list[Path] = []
    history = History(removed.append, most=2)
    for at in range(3):
        history.add(an_exchange(at, file=Path(str(at))))
    assert [exchange.at for exchange in history] == [2, 1]
    assert removed == [Path("0")]


def test_heavy_answers_push_others_out_but_the_newest_stays() -> None:
    history = History(lambda _: None, most_bytes=100)
    history.add(an_exchange(0, body=b"x" * 60))
    history.add(an_exchange(1, body=b"x" * 60))
    assert [exchange.at for exchange in history] == [1]
    history.add(an_exchange(2, body=b"x" * 200))
    assert [exchange.at for exchange in history] == [2]
    assert history.weight == 200


def test_the_latest_of_a_version_is_found_until_all_is_forgotten() -> None:
    removed: list[Path] = []
    history = History(removed.append)
    history.add(an_exchange(0, "a", file=Path("kept")))
    history.add(an_exchange(1, "b"))
    found = history.latest(Key("a", "1.0"))
    assert found is not None
    assert found.at == 0
    history.clear()
    assert history.latest(Key("a", "1.0")) is None
    assert removed == [Path("kept")]


def test_outcomes_are_told_with_mark_and_words() -> None:
    assert status_words(an_answer(200)) == (VersionState.READY, "200 OK")
    assert status_words(an_answer(503)) == (VersionState.FAILED, "503 Service Unavailable")
    assert status_words(an_answer(599)) == (VersionState.FAILED, "599")
    assert status_words(Failure("", 0.0))[0] is VersionState.FAILED
    assert status_words(Failure("", 0.0, cancelled=True)) == (VersionState.IDLE, "Cancelled")


def test_what_helps_is_the_servers_reason_or_the_codes() -> None:
    assert what_helps(an_answer(200)) == ""
    assert what_helps(an_answer(503, headers=(("X-Marina-Reason", "no worker"),))) == "no worker"
    assert "Workers" in what_helps(an_answer(503))
    assert what_helps(an_answer(418)) == ""


def test_latencies_keep_what_can_be_felt() -> None:
    assert latency_words(0.0032) == "3.2 ms"
    assert latency_words(0.0481) == "48 ms"
    assert latency_words(12.44) == "12.4 s"
