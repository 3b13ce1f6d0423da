from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING

import pytest

from engine.runtime.frames import FrameError
from engine.runtime.shared_memory import LEAST, STEP, open_memory
from engine.workers.shared_memory import LentMemory, make_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files without a name are Linux'")


@pytest.fixture
def memory() -> Iterator[LentMemory]:
    memory = make_memory()
    assert memory is not None
    yield memory
    memory.close()


def test_inputs_lie_here_and_then_the_answers(memory: LentMemory) -> None:
    worker = open_memory(memory.path)
    assert worker is not None
    assert memory.lend(1, [b"a" * LEAST, b"b"], LEAST + 1) == LEAST + 1
    assert worker.read(LEAST + 1, bytearray) == b"a" * LEAST + b"b"
    assert worker.lay([b"c" * STEP], STEP) == STEP
    assert memory.fetch(1, STEP, STEP) == b"c" * STEP
    worker.close()


def test_a_batch_with_small_inputs_has_the_memory_for_its_answers(memory: LentMemory) -> None:
    assert memory.lend(4, [b"small"], 5) == 0
    assert memory.holder == 4


def test_answers_to_another_batch_are_refused(memory: LentMemory) -> None:
    memory.lend(1, [bytes(LEAST)], LEAST)
    with pytest.raises(FrameError, match="batch 2 lie in memory that was lent to batch 1"):
        memory.fetch(2, 10, STEP)


def test_answers_over_the_limit_are_refused(memory: LentMemory) -> None:
    memory.lend(1, [bytes(LEAST)], LEAST)
    with pytest.raises(FrameError, match="over the limit of 99"):
        memory.fetch(1, 100, 99)


def test_a_worker_cannot_make_it_shorter_or_seal_it(memory: LentMemory) -> None:
    memory.lend(1, [bytes(LEAST)], LEAST)
    theirs = os.open(memory.path, os.O_RDWR)
    with pytest.raises(PermissionError):
        os.ftruncate(theirs, 0)
    with pytest.raises(PermissionError):
        fcntl.fcntl(theirs, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    os.close(theirs)
    assert memory.fetch(1, LEAST, LEAST) == bytes(LEAST)


def test_processes_do_not_inherit_it(memory: LentMemory) -> None:
    assert not os.get_inheritable(int(memory.path.rpartition("/")[2]))


def test_a_system_without_such_memory_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert make_memory() is None


def test_a_process_with_too_many_files_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "memfd_create", refuse)
    assert make_memory() is None
