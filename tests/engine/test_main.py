"""`marina-server` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil

from tests.support.archives import archive
from tests.support.server_process import alive
from tests.support.servers import make_home

ADDRESSES = "".join(f"{api}_address=http://127.0.0.1:0\n" for api in ("inference", "management", "metrics"))
COMMAND = [sys.executable, "-m", "engine"]
PROJECT = Path(__file__).parent.parent.parent


def environment(root: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TS_")}
    return {**inherited, "MARINA_HOME": str(root / "home"), "PYTHONPATH": str(PROJECT)}


def server(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=root, env=environment(root), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ask(method: str, url: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
        return str(answer.read().decode())


def api(process: subprocess.Popen[str], name: str) -> str:
    """Read the log up to the line that names an address."""
    assert process.stderr is not None
    for line in process.stderr:
        if f"{name} API: " in line:
            return line.rpartition(" ")[2].strip()
    raise AssertionError(f"the server ended without naming its {name} API")


def test_it_says_that_it_has_started_serves_and_leaves_upon_sigterm(tmp_path: Path) -> None:
    archive(make_home(tmp_path).model_store)
    (tmp_path / "config.properties").write_text(ADDRESSES)
    with server(tmp_path) as process:
        try:
            inference, management = api(process, "Inference"), api(process, "Management")
            assert process.stdout is not None
            assert process.stdout.readline() == "Model server started.\n"
            ask("POST", f"{management}/models?url=noop-1.0.mar&initial_workers=1&synchronous=true")
            assert ask("POST", f"{inference}/predictions/noop") == "OK"
            assert json.loads(ask("GET", f"{inference}/ping")) == {"status": "Healthy"}
            children = psutil.Process(process.pid).children(recursive=True)
            assert children
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
            assert process.returncode == 0, errors
            assert [child for child in children if child.is_running()] == []
        finally:
            process.kill()
    assert "Management API" in (tmp_path / "home" / "logs" / "marina.log").read_text()


def test_the_effective_settings_are_printed_with_their_sources(tmp_path: Path) -> None:
    (tmp_path / "config.properties").write_text("job_queue_size=7\n")
    done = run(tmp_path, "--print-config")

    assert done.returncode == 0
    lines = [line.split("  # ") for line in done.stdout.splitlines()]
    assert ["job_queue_size=7", f"config.properties line 1 ({tmp_path / 'config.properties'})"] in lines
    assert ["default_response_timeout=120", "default"] in lines
    assert not (tmp_path / "home").exists()


def test_a_bad_setting_is_told_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "config.properties").write_text("job_queue_size=many\n")
    done = run(tmp_path)

    assert done.returncode == 1
    assert "job_queue_size" in done.stderr
    assert "many" in done.stderr
    assert "config.properties line 1" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file is in the way")
    done = run(tmp_path)

    assert done.returncode == 1
    assert str(tmp_path / "home") in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")

    assert (done.returncode, done.stdout.split()[0]) == (0, "Marina")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=root, env=environment(root), text=True, capture_output=True, timeout=20, check=False,
    )  # fmt: skip


def test_sigterm_ends_a_start_that_waits_for_something(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/model.mar"
        (tmp_path / "config.properties").write_text(f"{ADDRESSES}allowed_urls=.*\nload_models={url}\n")
        with server(tmp_path) as process:
            try:
                silent.settimeout(30)
                silent.accept()[0].close()
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=20)
                assert process.returncode == 0
            finally:
                process.kill()


def test_sigterm_ends_marina_though_its_fork_server_stands_still(tmp_path: Path) -> None:
    archive(make_home(tmp_path).model_store)
    (tmp_path / "config.properties").write_text(ADDRESSES)
    with server(tmp_path) as process:
        try:
            management = api(process, "Management")
            ask("POST", f"{management}/models?url=noop-1.0.mar&initial_workers=1&synchronous=true")
            children = psutil.Process(process.pid).children(recursive=True)
            [fork_server] = [
                child for child in children if child.ppid() == process.pid and "forkserver" in child.cmdline()
            ]
            fork_server.suspend()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            assert process.returncode == 0
            assert alive(children) == []
        finally:
            process.kill()
