"""Marina's programs with standard streams that are closed, full, or a pipe without a reader."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.logs import Logs
from engine.standard_streams import write_line
from tests.engine.test_main import ADDRESSES, PROJECT, ask, environment
from tests.support.archives import archive
from tests.support.server_process import wait_for
from tests.support.servers import make_home

ADDRESS = re.compile(r"(Inference|Management) API: (\S+)")


def address_in_log(root: Path, name: str) -> str:
    log = root / "home" / "logs" / "marina.log"
    found = dict(ADDRESS.findall(log.read_text())) if log.exists() else {}
    return str(found.get(name, ""))


@pytest.mark.end_to_end
@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX closes the descriptors")
@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-", "> /dev/full 2>&1"])
@pytest.mark.usefixtures("workers_without_torch")
def test_workers_start_and_predict_whatever_the_standard_streams_are(tmp_path: Path, closed: str) -> None:
    archive(make_home(tmp_path).model_store)
    (tmp_path / "config.properties").write_text(f"{ADDRESSES}grpc_inference_port=0\ngrpc_management_port=0\n")
    command = ["sh", "-c", f'exec "{sys.executable}" -m engine {closed}']
    with subprocess.Popen(command, cwd=tmp_path, env=environment_of(tmp_path)) as process:
        try:
            wait_for(lambda: process.poll() is not None or address_in_log(tmp_path, "Management") != "")
            management, inference = (address_in_log(tmp_path, name) for name in ("Management", "Inference"))
            ask("POST", f"{management}/models?url=noop-1.0.mar&initial_workers=1&synchronous=true")
            assert ask("POST", f"{inference}/predictions/noop") == "OK"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


def environment_of(root: Path) -> dict[str, str]:
    found = environment(root)
    return {**found, "PYTHONPATH": f"{PROJECT}{os.pathsep}{os.environ['PYTHONPATH']}"}


def test_a_line_for_scripts_may_find_no_reader() -> None:
    source = "from engine.standard_streams import write_line\nwrite_line('one'); write_line('two')\n"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=PROJECT, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_line_for_scripts_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("Model server started.")
    assert capsys.readouterr().out == "Model server started.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_log_lines_that_cannot_be_written_give_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().level
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        logs = Logs(tmp_path / "logs", console=full)
        logs.open()
        for number in range(50):
            logging.getLogger("marina.test").info("line %d", number)
        file = tmp_path / "logs" / "marina.log"
        wait_for(lambda: "cannot be written" in file.read_text())
        logs.close()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, full.fileno())  # what is left goes there when the file is closed
        os.close(null)
    logging.getLogger().setLevel(before)
    lines = file.read_text().splitlines()
    assert sum("line " in line and "marina.test" in line for line in lines) == 50
    [told] = [line for line in lines if "cannot be written" in line]
    assert "Log lines cannot be written to the console: [Errno 28] No space left on device" in told
    assert "Logging error" not in capfd.readouterr().err
