"""The section `pt2` of a model-config, and models that do or do not let themselves be compiled."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from ts.handler_utils.pt2 import compile_model, compile_options, uses_aot_compile


@pytest.mark.parametrize(
    ("section", "options"),
    [
        (None, None),
        ("inductor", {"backend": "inductor"}),
        ({"backend": "eager", "mode": "default"}, {"backend": "eager", "mode": "default"}),
        ({"compile": {"enable": True, "backend": "eager"}}, {"backend": "eager"}),
        ({"compile": {"enable": True}}, {}),
        ({"compile": {"enable": False, "backend": "eager"}}, None),
        ({"compile": None}, None),
        ({"export": {"aot_compile": True}}, None),
    ],
)
def test_the_section_says_how_to_compile(section: Any, options: dict[str, str] | None) -> None:
    assert compile_options(section) == options


def test_the_section_is_left_as_it_is() -> None:
    section = {"compile": {"enable": True, "backend": "eager"}}
    compile_options(section)
    assert section == {"compile": {"enable": True, "backend": "eager"}}


def test_a_section_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="pt2 in the model-config should be a backend or a section, not 2"):
        compile_options(2)


@pytest.mark.parametrize(
    ("section", "used"),
    [
        ({"export": {"aot_compile": True}}, True),
        ({"export": {"aot_compile": False}}, False),
        ({"export": True}, False),
        ("inductor", False),
        (None, False),
    ],
)
def test_the_section_says_whether_the_model_was_compiled_ahead_of_time(section: Any, *, used: bool) -> None:
    assert uses_aot_compile(section) is used


@pytest.mark.parametrize("backend", ["steam", "fx2trt"])
def test_a_backend_that_is_not_there_leaves_the_model_uncompiled(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = torch.nn.Linear(1, 1)
    assert compile_model(model, {"backend": backend}) is model
    assert [(record.levelno, backend in record.message) for record in caplog.records] == [(logging.WARNING, True)]


def test_a_model_whose_compilation_fails_at_its_first_call_answers_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("no compiler")

    monkeypatch.setattr("ts.handler_utils.pt2.check_valid_pt2_backend", lambda _: True)
    compiled = compile_model(torch.nn.Identity(), {"backend": refuse})
    assert compiled(torch.ones(2)).tolist() == [1.0, 1.0]
