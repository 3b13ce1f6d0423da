from __future__ import annotations

import pytest

from engine.workers.outcome import describe_exit, status_of


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "exited with code 0"),
        (3, "exited with code 3"),
        (-9, "killed by SIGKILL"),
        (-11, "killed by SIGSEGV"),
        (-99, "killed by signal 99"),
    ],
)
def test_an_exit_is_told_in_words(returncode: int, words: str) -> None:
    assert describe_exit(returncode) == words


@pytest.mark.parametrize(("returncode", "status"), [(0, 500), (1, 500), (-11, 500), (137, 507), (-9, 507)])
def test_requests_of_a_dead_worker_get_a_status(returncode: int, status: int) -> None:
    assert status_of(returncode) == status
