"""Archives that have appeared in the model store: told in one line, registered or dismissed from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.panels.offers import OffersStrip

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from tests.gui.fakes import FakeEngine


def test_it_is_there_only_while_something_is_offered(qtbot: QtBot, engine: FakeEngine) -> None:
    strip = OffersStrip(engine)
    qtbot.addWidget(strip)
    strip.look()
    assert strip.isHidden()
    engine.offered = ["digits.mar"]
    strip.look()
    assert not strip.isHidden()
    assert strip.text.text() == "digits.mar is new in the model store."
    engine.offered = ["a.mar", "b.mar", "c.mar"]
    strip.look()
    assert strip.text.text() == "a.mar is new in the model store. 2 more are new."
    engine.offered = []
    strip.look()
    assert strip.isHidden()


def test_one_is_registered_and_all_are_dismissed(qtbot: QtBot, engine: FakeEngine) -> None:
    strip = OffersStrip(engine)
    qtbot.addWidget(strip)
    engine.offered = ["a.mar", "b.mar"]
    strip.look()
    with qtbot.waitSignal(strip.chosen) as chosen:
        strip.button.click()
    assert chosen.args == ["a.mar"]
    strip.dismiss.click()
    assert strip.isHidden()
    assert engine.calls == [("decline", "a.mar"), ("decline", "b.mar")]
