"""The programs of the built bundle, as somebody without Python starts them, and a display to see them on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.support.server_process import alive, ask, wait_for

BUNDLE = Path(__file__).parents[2] / "dist" / "marina"
SAMPLE = Path(__file__).parents[2] / "resources" / "sample"
PATIENCE = 60.0
APIS = ("inference_address", "management_address", "metrics_address")
RPC = ("grpc_inference_port", "grpc_management_port")


class Program:
    """One program, running with a home of its own, an empty PATH, in a folder that is not its own."""

    def __init__(self, name: str, folder: Path, *arguments: str, display: str = "", **settings: str) -> None:
        self.home = folder / "home"
        (self.home / "run").mkdir(parents=True)
        (folder / "nothing").mkdir()
        ports = free_ports(len(APIS) + len(RPC))
        self.inference, self.management, _ = (f"http://127.0.0.1:{port}" for port in ports[: len(APIS)])
        addresses = {key: f"http://127.0.0.1:{port}" for key, port in zip(APIS, ports[: len(APIS)], strict=True)}
        rpc = {key: str(port) for key, port in zip(RPC, ports[len(APIS) :], strict=True)}
        configuration = folder / "config.properties"
        configuration.write_text("\n".join(f"{key}={value}" for key, value in {**addresses, **rpc, **settings}.items()))
        environ = {"HOME": str(self.home), "PATH": str(folder / "nothing"), "XDG_RUNTIME_DIR": str(self.home / "run")}
        self.environ = {**environ, "LC_ALL": "C.UTF-8", **({"DISPLAY": display} if display else {})}
        self.command = [str(BUNDLE / name), "--ts-config", str(configuration)]
        self.printed = folder / "printed"
        self.started = time.monotonic()
        with self.printed.open("w") as printed:
            self.process = psutil.Popen(
                [*self.command, *arguments],
                cwd=folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def healthy(self) -> float:
        """Wait for the first ping that is answered; returns the seconds since the start."""
        wait_for(lambda: self.process.poll() is not None or answers(f"{self.inference}/ping"), PATIENCE)
        assert self.process.poll() is None, self.printed.read_text()
        return time.monotonic() - self.started

    def again(self, *arguments: str) -> None:
        """Start the program once more in the same home, to hand over what it is to open."""
        subprocess.run([*self.command, *arguments], env=self.environ, check=True, timeout=PATIENCE)

    def register(self, archive: str) -> None:
        """Register an archive of the model store with one worker, and wait for it."""
        query = urllib.parse.urlencode({"url": archive, "initial_workers": 1, "synchronous": "true"})
        ask("POST", f"{self.management}/models?{query}", b"")

    def predict(self, model: str, body: bytes) -> str:
        return ask("POST", f"{self.inference}/predictions/{model}", body)

    def below(self) -> list[psutil.Process]:
        return list(self.process.children(recursive=True))

    def quit(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0

    def left(self) -> list[str]:
        """The processes of this program's home and the ports that are still there."""
        open_ports = {url.rpartition(":")[2] for url in (self.inference, self.management) if listens(url)}
        return [*(str(process) for process in alive(of_bundle(self.home))), *open_ports]


@contextlib.contextmanager
def running(name: str, folder: Path, *arguments: str, display: str = "", **settings: str) -> Iterator[Program]:
    """A program that is not there any more in the end, whatever happened."""
    folder.mkdir(exist_ok=True)
    program = Program(name, folder, *arguments, display=display, **settings)
    try:
        yield program
    finally:
        for process in [*program.below(), program.process] if program.process.is_running() else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        program.process.wait(PATIENCE)


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """A virtual display; its name."""
    read, write = os.pipe()
    command = [str(shutil.which("Xvfb")), "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server, os.fdopen(read) as told:
        os.close(write)
        yield f":{told.readline().strip()}"
        server.terminate()


def windows(display: str, title: str) -> list[str]:
    """The ids of the windows with this title that can be seen."""
    return xdotool(display, "search", "--onlyvisible", "--name", f"^{title}$").split()


def press(display: str, title: str, keys: str) -> None:
    """Press keys in the window with this title, if it is there."""
    for window in windows(display, title)[:1]:
        xdotool(display, "windowfocus", window)
        xdotool(display, "key", keys)


def xdotool(display: str, *arguments: str) -> str:
    command = ["xdotool", *arguments]
    return subprocess.run(
        command, env={**os.environ, "DISPLAY": display}, capture_output=True, text=True, check=False
    ).stdout


def press_until(display: str, title: str, keys: str, condition: Callable[[], bool]) -> None:
    """Press keys now and then, as a person does who waits for a button to become usable."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"nothing came of {keys} in {title}"
        press(display, title, keys)
        time.sleep(0.5)


def of_bundle(home: Path) -> list[psutil.Process]:
    """The bundle's processes that run in this home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("HOME") == str(home) and Path(process.exe()).parent == BUNDLE:
                found.append(process)
    return found


def libraries(process: psutil.Process) -> str:
    """The files that a process has in its memory."""
    return Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(url: str) -> bool:
    try:
        return "Healthy" in ask("GET", url)
    except OSError:
        return False


def listens(url: str) -> bool:
    try:
        ask("GET", f"{url}/ping")
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
