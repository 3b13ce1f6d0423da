from __future__ import annotations

from pathlib import Path

import pytest

from gui import sample
from tests.gui.fakes import a_version


def test_everything_of_the_sample_is_there() -> None:
    assert sample.ARCHIVE.is_file()
    assert all(path.is_file() for path in sample.INPUTS)


@pytest.mark.parametrize("handler", ["digits_handler.py", "digits_handler", "digits_handler.py:handle"])
def test_the_sample_is_known_by_archive_and_handler(handler: str) -> None:
    assert sample.is_sample(a_version("anything", handler=handler, url="digits.mar"))
    assert not sample.is_sample(a_version(handler=handler, url="digits-2.mar"))


def test_another_archive_of_that_name_is_not_the_sample() -> None:
    assert not sample.is_sample(a_version(handler="image_classifier"))


def test_inputs_come_in_turn() -> None:
    first, second, last = sample.INPUTS
    assert [sample.next_input(path) for path in (None, Path("/x.png"), first, second, last)] == [
        first, first, second, last, first,
    ]  # fmt: skip
