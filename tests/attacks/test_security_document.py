"""docs/security.md names a test for each attack, and knows every setting that it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

from engine.settings import Settings

PROJECT = Path(__file__).parent.parent.parent
TEXT = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
ATTACKS = 40


def test_every_attack_has_a_test_that_is_there() -> None:
    rows = re.findall(r"^\| (\d+) .*`(tests/[^`]+)::(test_\w+)` \|$", TEXT, re.MULTILINE)
    assert {int(number) for number, _, _ in rows} == set(range(1, ATTACKS + 1))
    missing = [name for _, file, name in rows if f"def {name}(" not in (PROJECT / file).read_text(encoding="utf-8")]
    assert missing == []


def test_every_setting_that_is_named_is_one() -> None:
    declared = Settings.declared()
    columns = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
    named = {name for column in columns for name in re.findall(r"`(\w+)`", column)}
    assert named
    assert named <= declared.keys()
