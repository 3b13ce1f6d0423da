"""The comparison itself, without a server: what it finds, what it passes over, what it tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.differential import declared, management, requests_generator
from tests.differential.comparison import Difference, Exchange, comparable, mismatches
from tests.differential.http_exchange import Answer, Request, curl
from tests.differential.reporting import Report
from tests.support.peer_environments import ROOT

ASKED = Request("POST", "/predictions/m", (("Content-Type", "text/plain"),), b"a body")
DIFFERENCES = dict.fromkeys([*declared.INFERENCE, *declared.MANAGEMENT])  # some are both; always in this order
ANSWER = Answer(200, "", (("x-request-id", "1-2"), ("connection", "keep-alive")), (b"one", b"two"))


def aspects(ours: Answer, theirs: Answer = ANSWER) -> list[str]:
    return [mismatch.aspect for mismatch in mismatches(Exchange(ASKED, comparable(theirs), comparable(ours)))]


@pytest.mark.parametrize(
    ("changed", "aspect"),
    [
        (replace(ANSWER, status=201), "status"),
        (replace(ANSWER, reason="OK"), "reason"),
        (replace(ANSWER, headers=(("x-request-id", "1-2"), ("connection", "close"))), "header connection"),
        (replace(ANSWER, headers=(*ANSWER.headers, ("connection", "x"))), "header connection"),
        (replace(ANSWER, headers=(("connection", "keep-alive"),)), "header x-request-id"),
        (replace(ANSWER, chunks=(b"onetwo",)), "chunks"),
        (replace(ANSWER, chunks=(b"one", b"2")), "body"),
        (replace(ANSWER, error="broken off"), "end"),
        (Answer(error="no answer"), "answered"),
    ],
)
def test_each_aspect_counts(changed: Answer, aspect: str) -> None:
    assert aspects(changed) == [aspect]


def test_request_ids_are_never_the_same_and_do_not_count() -> None:
    theirs = replace(ANSWER, chunks=(b'{"id": "1-2"}',))
    ours = Answer(200, "", (("x-request-id", "3-4"), ("connection", "keep-alive")), (b'{"id": "3-4"}',))

    assert aspects(ours, theirs) == []


def test_a_report_of_a_handler_is_compared_entry_by_entry() -> None:
    theirs = replace(ANSWER, chunks=(b'{"inputs": [["a", "str", "x"]], "headers": [["H", "str", "1"]]}',))
    ours = replace(ANSWER, chunks=(b'{"inputs": [["a", "str", "y"]], "headers": [["h", "str", "1"]]}',))

    assert aspects(ours, theirs) == ["handler's header H", "handler's header h", "handler's input a"]


def test_descriptions_are_compared_but_for_what_is_a_processs_own() -> None:
    theirs = Answer(
        200, "OK", (), (b'[{"modelVersion": "1", "workers": [{"id": "9000", "pid": 7, "status": "READY"}]}]',)
    )
    ours = replace(theirs, chunks=(theirs.body.replace(b"9000", b"9001").replace(b"READY", b"UNLOADING"),))

    found = management.mismatches(Exchange(ASKED, theirs, ours))

    assert [tuple(mismatch) for mismatch in found] == [("json [0].workers[0].status", "READY", "UNLOADING")]


def test_a_declared_difference_is_counted_and_any_other_told_with_a_curl_line(tmp_path: Path) -> None:
    known = Difference("the reason", "why", "where", lambda _, mismatch: mismatch.aspect == "reason")
    report = Report("title", 1, (known,), tmp_path, 8080)

    report.take(Exchange(ASKED, ANSWER, replace(ANSWER, reason="OK")))
    assert (report.identical, dict(report.met), report.problems) == (0, {"the reason": 1}, [])

    report.take(Exchange(ASKED, ANSWER, replace(ANSWER, reason="OK", status=202)))
    [problem] = report.problems
    assert problem.startswith("2. curl -i ")
    assert problem.endswith("   status: TorchServe 200, Marina 202")


def test_a_body_that_is_no_text_goes_to_a_file_beside_the_curl_line(tmp_path: Path) -> None:
    file = tmp_path / "body"
    line = curl(1, replace(ASKED, body=b"\x00"), file)

    assert f"--data-binary @{file}" in line
    assert file.read_bytes() == b"\x00"
    assert "--data-binary 'a body'" in curl(1, ASKED, file)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda row: row.name)
def test_each_declared_difference_is_documented(difference: Difference) -> None:
    assert difference.documented in (ROOT / "docs" / "torchserve-compatibility.md").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_requests() -> None:
    first, again, other = (list(requests_generator.groups(seed, 100)) for seed in (5, 5, 6))

    assert first == again
    assert first != other
    assert sum(map(len, first)) == 100
    assert list(management.calls(5, 30)) == list(management.calls(5, 30))
