"""Whether answers are as a step expects. Pure.

An expectation has any of these, each a pattern: `status`, `reason`, `headers` (at least these, in any case), `json`,
`text`, `base64`, `chunks` (one text per HTTP chunk), `metrics` (Prometheus text as {name: {type, labels}}); or
`no_response` (nothing may come before the timeout). A list of expectations, each with `times` (N or [least, most]),
says how the answers to concurrent copies are shared out.

A few recorded answers are TorchServe's accidents: the text of a Java exception, a 500 for a caller's mistake, a bad
value silently taken for the default. Their steps are `lenient`: any 4xx in TorchServe's shape of errors passes too, and
any 5xx of that shape where TorchServe never answers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from tests.conformance.exchange import LATE, Answer, Step
from tests.conformance.patterns import mismatch, short, substitute

Families = dict[str, dict[str, Any]]


def answers_mismatch(step: Step, answers: list[Answer]) -> str | None:
    """Return what about the answers to `step` is not as expected, or None."""
    expect = step["expect"]
    if isinstance(expect, list):
        return _shares_mismatch(expect, answers)
    last = 599 if expect.get("no_response") else 499
    for number, answer in enumerate(answers, start=1):
        wanted = substitute(expect, {"i": str(number)}) if "concurrent" in step else expect
        problem = _answer_mismatch(wanted, answer)
        if problem and not (step.get("lenient") and answer.is_clean_error(last)):
            return problem
    return None


def _answer_mismatch(expect: dict[str, Any], answer: Answer) -> str | None:
    if expect.get("no_response"):
        return None if answer.error == LATE else f"got an answer, {answer.status}"
    if answer.error:
        return answer.error
    problems = [_part_mismatch(part, pattern, answer) for part, pattern in expect.items() if part != "times"]
    problem = next(filter(None, problems), None)
    return problem and f"{problem} (status {answer.status}: {short(answer.text, 200)})"


def _part_mismatch(part: str, pattern: Any, answer: Answer) -> str | None:
    if part == "headers":
        pattern = {name.lower(): value for name, value in pattern.items()} | {"...": "<any>"}
    return mismatch(pattern, VIEWS[part](answer), part)


def _shares_mismatch(expectations: list[dict[str, Any]], answers: list[Answer]) -> str | None:
    counts = [0] * len(expectations)
    for answer in answers:
        problems = [_answer_mismatch(expect, answer) for expect in expectations]
        if None not in problems:
            return f"an answer fits no expectation: {problems[0]}"
        counts[problems.index(None)] += 1
    for expect, count in zip(expectations, counts, strict=True):
        times = expect.get("times", 1)
        least, most = times if isinstance(times, list) else (times, times)
        if not least <= count <= most:
            return f"expected {times} answers like {short(expect)}, got {count}"
    return None


def metric_families(text: str) -> Families:
    """Return Prometheus text as {metric: {"type", "labels"}}, without the values."""
    families: Families = {}
    for line in text.splitlines():
        if declared := re.match(r"# TYPE (\S+) (\S+)", line):
            families[declared[1]] = {"type": declared[2], "labels": []}
        elif sample := re.match(r"([^\s#{]+)(?:\{(.*)\})?\s", line):
            family = re.sub(r"_(bucket|count|sum|created|total)$", "", sample[1])
            name = sample[1] if sample[1] in families else family
            labels = re.findall(r'(\w+)="', sample[2] or "")
            entry = families.setdefault(name, {"type": "untyped", "labels": []})
            entry["labels"] = sorted(set(entry["labels"]) | set(labels))
    return families


VIEWS: dict[str, Callable[[Answer], Any]] = {
    "status": lambda answer: answer.status,
    "reason": lambda answer: answer.reason,
    "headers": lambda answer: answer.headers,
    "json": lambda answer: answer.json,
    "text": lambda answer: answer.text,
    "base64": lambda answer: base64.b64encode(answer.body).decode(),
    "chunks": lambda answer: [chunk.decode("utf-8", "replace") for chunk in answer.chunks],
    "metrics": lambda answer: metric_families(answer.text),
}
