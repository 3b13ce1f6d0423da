"""Log lines reach the file and the console, from any thread, until the logs are closed."""

from __future__ import annotations

import logging
import queue
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.log_files import FILE_NAME, WORKERS_FILE_NAME
from engine.logs import MOST_WAITING, LineQueue, Logs
from engine.metrics.declarations import Declaration, Kind
from engine.metrics.lines import Line, write
from engine.settings.log_options import LogOptions
from engine.snapshots import Stream
from engine.workers.log import WorkerLog

LINE = Line(Declaration("QueueTime", Kind.GAUGE, "Milliseconds", ("Level", "Hostname")), ("Host", "vm"), 1, 17)


@pytest.fixture(autouse=True)
def root_level() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)


def test_lines_go_to_the_file_and_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(tmp_path / "deep" / "logs")
    logs.open()
    logging.getLogger("marina.test").info("model %s is é", "noop")
    logging.getLogger("marina.test").debug("not worth a line")
    logs.close()
    logs.close()
    logging.getLogger("marina.test").info("too late")

    text = (tmp_path / "deep" / "logs" / FILE_NAME).read_text(encoding="utf-8")
    assert text.endswith("INFO    marina.test: model noop is é\n")
    assert text.count("\n") == 1
    assert capsys.readouterr().err == text


def test_metrics_have_files_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(tmp_path)
    logs.open()
    write([LINE, LINE], [LINE])
    logging.getLogger("marina.test").info("for people")
    logs.close()

    server = (tmp_path / "ts_metrics.log").read_text().splitlines()
    times, texts = zip(*(line.split(" - ") for line in server), strict=True)
    assert texts == ("QueueTime.Milliseconds:1.0|#Level:Host|#hostname:vm,timestamp:17",) * 2
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}", time) for time in times)
    assert (tmp_path / "model_metrics.log").read_text().count("\n") == 1
    assert (tmp_path / FILE_NAME).read_text() == capsys.readouterr().err
    assert "QueueTime" not in (tmp_path / FILE_NAME).read_text()


def test_what_handlers_print_has_a_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(tmp_path)
    logs.open()
    worker_log = WorkerLog("noop", "1.0")
    worker_log.add("9000", Stream.STDOUT, "weights loaded")
    worker_log.add("9000", Stream.MARINA, "backing off: killed by SIGSEGV")
    logging.getLogger("marina.test").info("for people")
    logs.close()

    printed = "INFO    marina.handlers: noop 1.0 worker 9000 stdout: weights loaded"
    died = "WARNING marina.workers: noop 1.0 worker 9000: backing off: killed by SIGSEGV"
    other = "INFO    marina.test: for people"
    assert without_times((tmp_path / WORKERS_FILE_NAME).read_text()) == [printed, died]
    assert without_times((tmp_path / FILE_NAME).read_text()) == [died, other]
    assert without_times(capsys.readouterr().err) == [printed, died, other]


def without_times(text: str) -> list[str]:
    return [line.split(" ", 2)[2] for line in text.splitlines()]


def test_a_program_without_a_console_logs_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    logs = Logs(tmp_path)
    logs.open()
    logging.getLogger("marina.test").warning("nobody watches")
    logs.close()

    assert "nobody watches" in (tmp_path / FILE_NAME).read_text()


def test_lines_that_nobody_writes_do_not_pile_up() -> None:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    lines = LineQueue(waiting)
    for number in range(MOST_WAITING + 7):
        lines.handle(logging.makeLogRecord({"msg": str(number)}))
    assert waiting.qsize() == MOST_WAITING
    for _ in range(2):
        waiting.get()
    lines.handle(logging.makeLogRecord({"msg": "the writer is back"}))
    messages = [waiting.get().getMessage() for _ in range(waiting.qsize())]
    assert messages[-2:] == ["7 lines are left out here: they came too fast to be written", "the writer is back"]


def test_torchserves_folder_has_its_files_and_its_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(tmp_path / "home", LogOptions(tmp_path / "l", tmp_path / "m"))
    logs.open()
    created = {file.name for file in (tmp_path / "l").iterdir()}, {file.name for file in (tmp_path / "m").iterdir()}
    worker_log = WorkerLog("noop", "1.0")
    worker_log.add("9000", Stream.STDERR, "ValueError: no")
    worker_log.add("9000", Stream.MARINA, "backing off: killed by SIGSEGV")
    worker_log.add("9000", Stream.MARINA, "backing off: no", brief="backing off: see the traceback above")
    logging.getLogger("engine.test").info("for people")
    write([LINE], [])
    logs.close()

    assert created == ({"ts_log.log", "model_log.log", "access_log.log"}, {"ts_metrics.log", "model_metrics.log"})
    printed = "[WARN ] W-9000-noop_1.0-stderr MODEL_LOG - ValueError: no"
    died = "[WARN ] W-9000-noop_1.0 marina.workers - backing off: killed by SIGSEGV"
    brief = "[WARN ] W-9000-noop_1.0 marina.workers - backing off: see the traceback above"
    other = "[INFO ] MainThread engine.test - for people"
    metric = "QueueTime.Milliseconds:1.0|#Level:Host|#hostname:vm,timestamp:17"
    assert after_times((tmp_path / "l" / "model_log.log").read_text()) == [printed, died, brief]
    in_all = [printed, died, brief, other, f"[INFO ] MainThread TS_METRICS - {metric}"]
    assert after_times((tmp_path / "l" / "ts_log.log").read_text()) == in_all
    assert after_times((tmp_path / "m" / "ts_metrics.log").read_text()) == [f"- {metric}"]
    assert after_times(capsys.readouterr().err) == [printed, died, brief, other]
    assert not (tmp_path / "home").exists()


def after_times(text: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in text.splitlines()]


def test_a_folder_that_cannot_be_written_gives_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    logs = Logs(tmp_path / "home", LogOptions(tmp_path / "file" / "logs", tmp_path / "m"))
    logs.open()
    logging.getLogger("engine.test").info("goes on")
    write([LINE], [])
    logs.close()

    told = capsys.readouterr().err
    assert f"There is no log file {tmp_path / 'file' / 'logs' / 'ts_log.log'}: Not a directory." in told
    assert "engine.test - goes on" in told
    assert (tmp_path / "m" / "ts_metrics.log").stat().st_size
