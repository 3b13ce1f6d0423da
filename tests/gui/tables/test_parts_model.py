from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from engine.making import ArchivePlan, Kind, Part
from gui.tables.parts import NAME, SIZE, USE, PartsModel

pytestmark = pytest.mark.usefixtures("qapp")


def part(name: str, kind: Kind = Kind.OTHER, size: int = 1500) -> Part:
    return Part(name, Path("/m") / name, size, kind)


PLAN = ArchivePlan(
    "m",
    "1.0",
    "h.py:answer",
    (part("h.py", Kind.PYTHON), part("net.pt", Kind.SCRIPT), part("requirements.txt"), part("labels/en.json")),
    serialized_file="net.pt",
    requirements_file="requirements.txt",
)


def test_each_file_says_what_it_is_to_the_model() -> None:
    model = PartsModel()
    model.show_plan(PLAN)
    cells = [[model.index(row, column).data() for column in (NAME, USE, SIZE)] for row in range(model.rowCount())]
    assert cells == [
        ["h.py", "Handler", "1.5 kB"],
        ["net.pt", "Model, TorchScript", "1.5 kB"],
        ["requirements.txt", "Requirements", "1.5 kB"],
        ["labels/en.json", "", "1.5 kB"],
    ]
    assert model.index(1, NAME).data(Qt.ItemDataRole.ToolTipRole) == str(Path("/m/net.pt"))
    assert model.name(3) == "labels/en.json"
    assert model.rowCount(model.index(0, 0)) == 0
    assert model.data(QModelIndex()) is None


def test_the_rows_hold_through_a_random_history() -> None:
    model = PartsModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    dice = random.Random(3)
    plan = ArchivePlan()
    for _ in range(200):
        name = f"{dice.randrange(6)}.py"
        plan = plan.without([name]) if dice.random() < 0.4 else plan.with_parts([part(name, Kind.PYTHON)])
        plan = replace(plan, handler=dice.choice([part.name for part in plan.parts] or [""]))
        model.show_plan(plan)
        assert model.rowCount() == len(plan.parts)
        uses = [model.index(row, USE).data() for row in range(model.rowCount())]
        assert uses.count("Handler") == bool(plan.parts)
    del tester
