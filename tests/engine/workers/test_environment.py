from __future__ import annotations

import re

import pytest

from engine.workers.environment import thread_variables, threads_of_each, worker_environment

OURS = {
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    "TS_DECODE_INPUT_REQUEST": "true",
    "TS_IPEX_ENABLE": "false",
    "TS_IPEX_GPU_ENABLE": "false",
}


@pytest.mark.parametrize(
    "name",
    ["QT_QPA_PLATFORM", "QML2_IMPORT_PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "_PYI_ARCHIVE", "MARINA_HOME"],
)
def test_what_belongs_to_the_window_is_withheld(name: str) -> None:
    assert worker_environment({name: "x"}, None, decode_input=True) == OURS


def test_the_rest_is_inherited() -> None:
    seen = worker_environment({"PATH": "/bin", "MY_QT_": "1"}, None, decode_input=True)
    assert seen == {"PATH": "/bin", "MY_QT_": "1", **OURS}


def test_hidden_variables_are_matched_whole() -> None:
    environ = {"SECRET": "x", "SECRETS": "y", "AWS_KEY": "z"}
    seen = worker_environment(environ, re.compile("SECRET|AWS_.*"), decode_input=True)
    assert seen == {"SECRETS": "y", **OURS}


def test_handlers_learn_whether_input_is_decoded() -> None:
    seen = worker_environment({"TS_DECODE_INPUT_REQUEST": "maybe"}, None, decode_input=False)
    assert seen["TS_DECODE_INPUT_REQUEST"] == "false"


@pytest.mark.parametrize(("workers", "cores", "threads"), [(1, 16, 16), (2, 16, 8), (3, 2, 1), (0, 4, 4)])
def test_workers_share_the_cores(workers: int, cores: int, threads: int) -> None:
    assert threads_of_each(workers, cores) == threads


def test_libraries_read_their_number_of_threads_from_the_environment_unless_it_is_left_to_them() -> None:
    assert thread_variables(3) == {"OMP_NUM_THREADS": "3", "OMP_WAIT_POLICY": "PASSIVE"}
    assert thread_variables(0) == {"OMP_WAIT_POLICY": "PASSIVE"}


def test_whoever_orders_the_gpus_is_not_overruled() -> None:
    seen = worker_environment({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, None, decode_input=True)
    assert seen == {**OURS, "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
