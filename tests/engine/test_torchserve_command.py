"""`marina-server torchserve`: what units, images and scripts written for TorchServe's command find."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine import SERVER_VERSION
from engine.pid_file import NAME, PidFile
from tests.support.archives import archive

PROJECT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "engine", "torchserve"]
ADDRESSES = "".join(f"{api}_address=http://127.0.0.1:0\n" for api in ("inference", "management", "metrics"))
CONFIG = f"{ADDRESSES}grpc_inference_port=0\ngrpc_management_port=0\n"
START = ["--start", "--ncs", "--model-store", "store", "--ts-config", "config.properties", "--models", "noop-1.0.mar"]
# What an installer makes of the entry point of packaging/torchserve.
SCRIPT = "import sys\nfrom engine.torchserve_command import main\nsys.exit(main())\n"
CLASS = "org.pytorch.serve.ModelServer"
PATIENCE = 30


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working folder with a model store; whatever was started in it ends with the test."""
    (tmp_path / "store").mkdir()
    (tmp_path / "tmp").mkdir()
    archive(tmp_path / "store")
    (tmp_path / "config.properties").write_text(CONFIG)
    (tmp_path / "torchserve").write_text(SCRIPT)
    yield tmp_path
    with contextlib.suppress(psutil.Error):
        if (pid := pid_file(tmp_path).pid()) is not None:
            psutil.Process(pid).kill()


def pid_file(folder: Path) -> PidFile:
    return PidFile(folder / "tmp" / NAME, "torchserve")


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "LOG_", "METRICS_"))}
    return {**kept, "MARINA_HOME": str(folder / "home"), "PYTHONPATH": str(PROJECT), "TMPDIR": str(folder / "tmp")}


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command to its end; returns its exit code and what it printed."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment(folder), text=True, check=False, timeout=PATIENCE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start a server and wait for TorchServe's word that it has; gives the command and the lines before that word."""
    with subprocess.Popen(
        [sys.executable, "torchserve", *START, *arguments], cwd=folder, env=environment(folder), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "Model server started.\n":
                break
        else:
            raise AssertionError("".join(lines))
        try:
            yield process, lines
        finally:
            process.kill()
            process.stdout.close()


@pytest.mark.end_to_end
def test_a_server_in_the_background_is_ended_by_stop(folder: Path) -> None:
    with started(folder) as (command, _):
        assert command.wait(PATIENCE) == 0
        server = psutil.Process(int((folder / "tmp" / NAME).read_text()))
        assert os.getsid(server.pid) == server.pid
        # SageMaker's toolkit looks for this word, in one process alone.
        assert [one.pid for one in (server, *server.children(recursive=True)) if CLASS in one.cmdline()] == [server.pid]
        assert {file.name for file in (folder / "logs").iterdir()} >= {"ts_log.log", "access_log.log", "model_log.log"}
        already = "TorchServe is already running, please use torchserve --stop to stop TorchServe.\n"
        assert run(folder, *START) == (1, already)
        assert run(folder, "--stop") == (0, "TorchServe has stopped.\n")
        assert not server.is_running()
        assert not (folder / "tmp" / NAME).exists()
        assert run(folder, "--stop") == (0, "TorchServe is not currently running.\n")


@pytest.mark.end_to_end
def test_a_server_in_the_foreground_leaves_upon_sigterm(folder: Path) -> None:
    with started(folder, "--foreground") as (command, lines):
        assert (folder / "tmp" / NAME).read_text() == str(command.pid)
        command.send_signal(signal.SIGTERM)
        assert command.wait(PATIENCE) == 0
        assert command.stdout is not None
        # A thread writes the lines of the log, before or after.
        lines.extend(command.stdout)
        assert any(re.match(r"\S+ \[INFO \] \w+ marina - Inference API: ", line) for line in lines), lines
        assert not (folder / "tmp" / NAME).exists()


def test_the_version_is_torchserves_and_marinas(folder: Path) -> None:
    code, text = run(folder, "--version")
    assert (code, text.splitlines()[0]) == (0, f"TorchServe Version is {SERVER_VERSION}")
    assert text.splitlines()[1].startswith("Marina ")


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--start"], 1, "Missing mandatory parameter --model-store"),
        (["--model-store", "none"], 1, "there is no folder"),
        (["--ts-config", "none", "--model-store", "store"], 1, "there is no such file"),
        (["--log-config", "none", "--model-store", "store"], 1, "--log-config file not found: "),
        (["--model-store", "store", "--ts-config", "open.properties"], 1, "set insecure_network=true too"),
        (["--bogus"], 2, "unrecognized arguments: --bogus"),
        (["--start", "--stop"], 2, "not allowed with argument --start"),
    ],
)
def test_mistakes_have_torchserves_exit_codes(folder: Path, options: list[str], code: int, reason: str) -> None:
    (folder / "config.properties").unlink()
    (folder / "open.properties").write_text("inference_address=http://0.0.0.0:0\ndisable_token_authorization=true\n")
    found, text = run(folder, *options)
    assert (found, reason in text) == (code, True), text
    assert not (folder / "tmp" / NAME).exists()


def test_a_file_of_a_process_that_is_gone_is_removed(folder: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait(PATIENCE)
    pid_file(folder).write(gone.pid)
    assert run(folder, "--stop") == (0, "Removing orphan pid file.\nTorchServe is not currently running.\n")
    assert not (folder / "tmp" / NAME).exists()


def test_a_process_that_is_no_server_is_left_alone(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file(folder).write(other.pid)
        assert run(folder, "--stop") == (0, "TorchServe is not currently running.\n")
        assert other.poll() is None
        other.kill()


def test_only_an_older_process_of_the_command_is_believed(folder: Path) -> None:
    file = pid_file(folder)
    with subprocess.Popen([sys.executable, "-c", "input()", "torchserve"], stdin=subprocess.PIPE) as process:
        file.write(process.pid)
        assert file.process() == psutil.Process(process.pid)
        os.utime(file.path, (0, 0))
        assert file.process() is None
        process.kill()


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "99999999999999999999"])
def test_what_is_no_process_id_names_no_server(folder: Path, text: str) -> None:
    (folder / "tmp" / NAME).write_text(text)
    assert pid_file(folder).process() is None


def test_a_link_is_not_followed(folder: Path) -> None:
    (folder / "tmp" / NAME).symlink_to(folder / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        pid_file(folder).write(1)
    assert not (folder / "precious").exists()
