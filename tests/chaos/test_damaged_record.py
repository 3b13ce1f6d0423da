"""Single damages of the record: Marina starts, nothing changes in silence, and with a good copy nothing is lost.

MARINA_DAMAGES says how many; `make damage` does 10,000.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.record.rows import SavedVersion
from engine.registry.records import Target
from engine.store import Store
from tests.support.damages import damage
from tests.support.records import saved

DAMAGES = int(os.environ.get("MARINA_DAMAGES", "400"))
SEED = int(os.environ.get("MARINA_SEED", "1"))
FILES = ("marina.sqlite", "marina.sqlite-wal", "marina.sqlite.copy")


async def fill(store: Store) -> None:
    """Make the changes of a busy day, so that pages are split, freed and used again."""
    for number in range(24):
        await store.add(
            saved(f"modèle-{number % 8}", f"{number}.0", is_default=number < 8, batch_size=number + 1, handler="h" * 90)
        )
    for number in range(8):
        await store.set_target(saved(f"modèle-{number}", f"{number}.0").key, Target(number, number + 2))
        await store.set_default(saved(f"modèle-{number}", f"{number + 8}.0").key)
    for number in range(16, 22):
        await store.remove(saved(f"modèle-{number % 8}", f"{number}.0").key)


def copy_files(source: Path, target: Path) -> list[Path]:
    """Copy a record's files to a folder of their own; returns where they are."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    return [Path(shutil.copy(source / name, target)) for name in FILES if (source / name).exists()]


async def records(folder: Path) -> tuple[list[SavedVersion], list[Path]]:
    """Make a record; returns what it holds, and folders with its files as a kill and as an end in order leave them."""
    closed, killed = folder / "closed", folder / "killed"
    store = Store(folder / FILES[0])
    await store.open()
    await fill(store)
    copy_files(folder, killed)
    await store.close()
    copy_files(folder, closed)
    reopened = Store(folder / FILES[0])
    expected = await reopened.open()
    await reopened.close()
    assert len(expected) == 18
    assert (killed / FILES[1]).exists()
    return expected, [closed, killed]


async def start(path: Path) -> tuple[list[SavedVersion], tuple[str, ...]]:
    store = Store(path)
    try:
        return await store.open(), store.notices
    finally:
        await store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder in memory where there is one: the disk is not what is tested."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    made = Path("/dev/shm") / f"marina-{os.getpid()}-damages"
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.mark.timeout(60 + DAMAGES)
def test_no_single_damage_keeps_marina_from_starting_or_changes_anything(folder: Path) -> None:
    choose = random.Random(SEED)
    faults: list[str] = []
    told: Counter[bool] = Counter()

    async def main() -> None:
        expected, sources = await records(folder)
        for number in range(DAMAGES):
            files = copy_files(choose.choice(sources), folder / "damaged")
            done = f"seed {SEED}, number {number}: {damage(choose, files)}"
            try:
                found, notices = await start(folder / "damaged" / FILES[0])
            except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is a fault
                faults.append(f"{done}: {error!r}")
                continue
            told[bool(notices)] += 1
            if found != expected:
                faults.append(f"{done}: {len(found)} versions, other than before; told: {notices}")
            elif (await start(folder / "damaged" / FILES[0])) != (expected, ()):
                faults.append(f"{done}: the second start differs")

    asyncio.run(main())
    assert faults == []
    assert told[True] > DAMAGES / 4, "the damages hit nothing"
    print(f"\n{DAMAGES} damages: 0 refused, 0 changed; {told[True]} told, {told[False]} without effect")  # noqa: T201 - for -s
