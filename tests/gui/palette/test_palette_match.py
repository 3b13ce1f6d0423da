from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from gui.palette.match import MOST, ranked

TEXTS = ["register model…", "retry failed workers", "reset layout", "unregister…", "scale…", "street-signs 4.1"]


def found(query: str) -> list[str]:
    return [TEXTS[place] for place in ranked(query, TEXTS)]


def test_the_beginning_goes_before_initials_and_the_inside() -> None:
    assert found("re")[:3] == ["reset layout", "register model…", "retry failed workers"]
    assert found("rfw") == ["retry failed workers"]
    assert found("reg") == ["register model…", "unregister…", "street-signs 4.1"]


def test_initials_count_as_beginnings_of_words() -> None:
    assert found("rm")[0] == "register model…"
    assert found("ss")[0] == "street-signs 4.1"


def test_blanks_and_case_do_not_count() -> None:
    assert found(" Res LAY ") == ["reset layout"]


def test_letters_out_of_order_are_no_match() -> None:
    assert found("tuoyal") == []
    assert found("zzz") == []


def test_nothing_typed_shows_all_in_their_order() -> None:
    assert found("") == TEXTS
    assert len(ranked("", ["a"] * (2 * MOST))) == MOST


def test_a_query_made_to_be_slow_is_not() -> None:
    begun = time.thread_time()
    assert ranked("a" * 20 + "b", ["a" * 200] * 50) == []
    assert time.thread_time() - begun < 1


@given(st.text(max_size=8), st.lists(st.text(max_size=20), max_size=8))
def test_what_is_found_holds_the_letters_in_order_and_nothing_that_does_is_missed(query: str, texts: list[str]) -> None:
    folded = [text.casefold() for text in texts]
    letters = "".join(query.casefold().split())

    def holds(text: str) -> bool:
        rest = iter(text)
        return all(char in rest for char in letters)

    assert sorted(ranked(query, folded)) == [place for place, text in enumerate(folded) if holds(text)]
