"""Real worker processes, spoken to in frames."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.runtime.channel import encode
from engine.runtime.frames import Kind
from engine.workers.claims import Claims

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.runtime.channel import Frame
    from tests.runtime.conftest import WorkerProcess

    Start = Callable[..., WorkerProcess]

ECHO = """
    class Echo:
        def initialize(self, context):
            self.device = "tin:0"

        def handle(self, data, context):
            return [row["body"] for row in data]
"""
ANSWER = """
    def handle(data, context):
        if data is None:
            return None
        {body}
"""


def pieces(frame: Frame) -> list[bytes]:
    """Cut the body of a REPLY or PARTIAL into its answers."""
    found, start = [], 0
    for length, *_ in frame.meta["results"]:
        found.append(bytes(frame.body[start : start + length]))
        start += length
    return found


def wait_for_output(worker: WorkerProcess, line: bytes) -> None:
    assert worker.process.stdout is not None
    assert worker.process.stdout.readline().strip() == line


def test_a_worker_echoes_a_batch_and_leaves_with_the_engine(start_worker: Start) -> None:
    worker = start_worker(ECHO)
    loaded = worker.load("h.py")
    assert (loaded.kind, loaded.meta["device"]) == (Kind.LOADED, "tin:0")
    reply = worker.predict(b'{"a": 1}', b'"text"')
    assert reply.kind is Kind.REPLY
    assert reply.meta.pop("took") >= 0
    assert reply.meta == {"batch": 7, "results": [[12, 200, "", {}], [4, 200, "", {}]]}
    assert pieces(reply) == [b'{\n  "a": 1\n}', b"text"]
    assert worker.leave() == (0, "", "")


def test_bodies_larger_than_any_buffer_pass_unchanged(start_worker: Start) -> None:
    worker = start_worker(ECHO)
    worker.load("h", max_response_size=10_000_000)
    large = [os.urandom(300_000), os.urandom(1_000_000)]
    assert pieces(worker.predict(*large, content_type="image/png")) == large


def test_inputs_stay_bytes_when_decoding_is_off(start_worker: Start) -> None:
    worker = start_worker(ANSWER.format(body="return [type(data[0]['body']).__name__]"))
    worker.load("h", decode_input=False)
    assert pieces(worker.predict(b"{}")) == [b"bytearray"]


def test_a_missing_module_fails_the_load_with_its_cause(start_worker: Start) -> None:
    worker = start_worker("import a_module_that_is_not_there\n")
    failed = worker.load("h.py")
    assert failed.kind is Kind.LOAD_FAILED
    assert failed.meta["code"] == 500
    assert failed.meta["message"] == "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
    lines = failed.meta["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('h.py", line 1, in <module>')
    assert worker.is_gone()
    code, _, errors = worker.leave()
    assert (code, errors) == (1, failed.meta["traceback"])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ("MemoryError()", 507, "MemoryError"),
        ("RuntimeError('CUDA out of memory\\nmore')", 507, "RuntimeError: CUDA out of memory"),
        ("ValueError('no weights')", 500, "ValueError: no weights"),
    ],
)
def test_an_error_while_initialising_fails_the_load(start_worker: Start, error: str, code: int, message: str) -> None:
    failed = start_worker(f"def handle(data, context):\n    raise {error}\n").load("h")
    assert (failed.kind, failed.meta["code"], failed.meta["message"]) == (Kind.LOAD_FAILED, code, message)


def test_a_missing_model_directory_fails_the_load(start_worker: Start, tmp_path: Path) -> None:
    failed = start_worker(ECHO).load("h", model_dir=str(tmp_path / "nowhere"))
    assert failed.kind is Kind.LOAD_FAILED
    assert failed.meta["message"].startswith("FileNotFoundError")


def test_streamed_pieces_come_before_the_last_answer(start_worker: Start) -> None:
    worker = start_worker(
        """
        from ts.handler_utils.utils import send_intermediate_predict_response

        def handle(data, context):
            if data is None:
                return None
            for word in ("one", "two"):
                send_intermediate_predict_response([word] * len(data), context.request_ids, "ok", 200, context)
            return ["end"] * len(data)
        """
    )
    worker.load("h")
    frames = [worker.predict(b"1", b"2"), worker.receive(), worker.receive()]
    assert [frame.kind for frame in frames] == [Kind.PARTIAL, Kind.PARTIAL, Kind.REPLY]
    assert [pieces(frame) for frame in frames] == [[b"one"] * 2, [b"two"] * 2, [b"end"] * 2]
    marks = [frame.meta["results"][1][3]["ts_stream_next"] for frame in frames]
    assert marks == ["true", "true", "false"]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise ValueError('x')", 503, "Prediction failed"),
        ("raise MemoryError", 507, "Out of resources"),
        ("from ts.service import PredictionException; raise PredictionException('not so', 404)", 404, "not so"),
        ("return ('tuple',)", 503, "Invalid model predict output"),
        ("return []", 503, "number of batch response mismatched"),
        ("return [{1, 2}]", 503, "Unsupported model output data type."),
        ("return ['x' * 1001]", 500, "Worker died."),
        ("context.set_response_status('odd'); return ['x']", 503, "Prediction failed"),
    ],
)
def test_a_failed_batch_is_answered_and_the_next_one_served(
    start_worker: Start, body: str, code: int, message: str
) -> None:
    worker = start_worker(ANSWER.format(body=f"if data[0]['body'] == 1: {body}\n        return ['fine']"))
    worker.load("h", max_response_size=1000)
    failed = worker.predict(b"1")
    assert (failed.kind, failed.meta) == (Kind.FAILED, {"batch": 7, "code": code, "message": message})
    assert pieces(worker.predict(b"2")) == [b"fine"]
    assert worker.leave()[2].strip()


def test_a_handler_sets_status_and_headers_of_each_answer(start_worker: Start) -> None:
    body = "context.set_response_status(404, 'None Here', 1); context.set_response_content_type(0, 'text/csv')"
    worker = start_worker(ANSWER.format(body=f"{body}; return ['a', 'b']"))
    worker.load("h")
    results = worker.predict(b"1", b"2").meta["results"]
    assert results == [[1, 200, "", {"content-type": "text/csv"}], [1, 404, "None Here", {}]]


def test_metrics_come_with_the_reply(start_worker: Start) -> None:
    worker = start_worker(ANSWER.format(body="context.metrics.add_counter('Seen', 2, 1); return ['x', 'y']"))
    worker.load("h")
    worker.send(b"1", b"2")
    reply = worker.receive_any()
    assert reply.kind is Kind.REPLY
    [seen] = reply.meta["metrics"]
    dimensions = [["ModelName", "net"], ["Level", "Model"]]
    assert seen == {
        "name": "Seen",
        "value": 2,
        "unit": "Count",
        "type": "counter",
        "dimensions": dimensions,
        "request_ids": ["id-1"],
    }
    assert reply.meta["took"] >= 0


def test_metrics_declared_by_the_engine_keep_their_unit_and_dimensions(start_worker: Start) -> None:
    body = "context.metrics.add_time('Thinking', 3); return [str(context.metrics.cache_keys())]"
    worker = start_worker(ANSWER.format(body=body))
    declared = {"gauge": [{"name": "Thinking", "unit": "s", "dimensions": ["Model", "Kind"]}]}
    worker.load("h", model_metrics=declared, metrics_config="metrics.yaml")
    worker.send(b"1")
    reply = worker.receive_any()
    thinking = reply.meta["metrics"][0]
    assert (thinking["unit"], thinking["dimensions"]) == ("Seconds", [["Model", "net"], ["Kind", "Model"]])
    assert pieces(reply) == [b"['gauge:Thinking']"]


def test_a_handler_that_emits_without_end_loses_what_is_too_much(start_worker: Start) -> None:
    body = "[context.metrics.add_counter('c' * 5000 + '\\udc80', 1) for _ in range(12_000)]; return ['x']"
    worker = start_worker(ANSWER.format(body=body))
    worker.load("h")
    worker.send(b"1")
    count = 0
    while (frame := worker.receive_any()).kind is Kind.METRICS:
        count += len(frame.meta["metrics"])
        assert len(frame.meta["metrics"][0]["name"]) == 2000
    assert (frame.kind, count) == (Kind.REPLY, 10_000)
    assert worker.leave()[2].count("More than 10000 metrics came in one batch") == 1


def test_a_failed_batch_reports_its_own_metrics_but_no_time(start_worker: Start) -> None:
    worker = start_worker(ANSWER.format(body="context.metrics.add_error('Bad', 1); raise ValueError"))
    worker.load("h")
    worker.send(b"1")
    assert [metric["name"] for metric in worker.receive_any().meta["metrics"]] == ["Bad"]
    assert worker.receive_any().kind is Kind.FAILED


def test_a_worker_leaves_in_the_middle_of_a_call_when_the_engine_hangs_up(start_worker: Start) -> None:
    worker = start_worker(ANSWER.format(body="import time; print('begun'); time.sleep(60)"))
    worker.load("h")
    worker.send(b"1")
    wait_for_output(worker, b"begun")
    assert worker.leave()[0] == 0


def test_a_worker_leaves_although_the_handler_keeps_a_thread_running(start_worker: Start) -> None:
    worker = start_worker(
        """
        import threading

        threading.Thread(target=threading.Event().wait).start()

        def handle(data, context):
            return data
        """
    )
    worker.load("h")
    assert worker.leave()[0] == 0


def test_system_exit_ends_the_process_with_its_code(start_worker: Start) -> None:
    worker = start_worker(ANSWER.format(body="raise SystemExit(3)"))
    worker.load("h")
    worker.send(b"1")
    assert worker.is_gone()
    assert worker.leave()[0] == 3


def test_ctrl_c_is_left_to_the_engine(start_worker: Start) -> None:
    worker = start_worker(ECHO)
    worker.load("h")
    worker.process.send_signal(signal.SIGINT)
    assert pieces(worker.predict(b'"alive"')) == [b"alive"]


def test_a_forked_child_does_not_hold_the_channel_open(start_worker: Start) -> None:
    worker = start_worker(
        ANSWER.format(body="import os; pid = os.fork() or os.execlp('sleep', 'sleep', '60'); return [pid]")
    )
    worker.load("h")
    child = int(pieces(worker.predict(b"1"))[0])
    worker.process.kill()
    readable, _, _ = select.select([worker.socket], [], [], 30)
    os.kill(child, signal.SIGKILL)
    assert readable
    assert worker.is_gone()


def test_a_spawned_child_can_import_the_handler_and_ts(start_worker: Start) -> None:
    worker = start_worker(
        """
        import multiprocessing

        def version(queue):
            import ts
            queue.put(ts.__version__)

        def handle(data, context):
            if data is None:
                return None
            spawn = multiprocessing.get_context("spawn")
            queue = spawn.SimpleQueue()
            child = spawn.Process(target=version, args=(queue,))
            child.start()
            child.join()
            return [queue.get()]
        """
    )
    worker.load("h")
    assert pieces(worker.predict(b"1")) == [b"0.12.0"]


def test_the_log_is_messages_on_standard_output(start_worker: Start) -> None:
    body = "import logging; logging.getLogger('x').info('seen %s', 1); return ['x']"
    worker = start_worker(ANSWER.format(body=body))
    worker.load("h")
    worker.predict(b"1")
    assert worker.leave() == (0, "seen 1\n", "")


def test_a_handler_in_a_folder_of_the_archive_is_found_with_its_neighbours(
    start_worker: Start, model_dir: Path
) -> None:
    (model_dir / "inner").mkdir()
    (model_dir / "outside.py").write_text("WORD = 'out'\n")
    (model_dir / "inner" / "beside.py").write_text("WORD = 'in'\n")
    source = "import beside, outside\ndef run(data, context):\n    return data and [beside.WORD + outside.WORD]\n"
    (model_dir / "inner" / "nested.py").write_text(source)
    worker = start_worker()
    assert worker.load("inner/nested.py:run").kind is Kind.LOADED
    assert pieces(worker.predict(b"1")) == [b"inout"]


def test_an_installed_package_named_ts_does_not_get_in_the_way(start_worker: Start, tmp_path: Path) -> None:
    (tmp_path / "site" / "ts").mkdir(parents=True)
    (tmp_path / "site" / "ts" / "__init__.py").write_text("__version__ = 'foreign'\n")
    worker = start_worker(
        ANSWER.format(body="import ts; return [ts.__version__]"), environment={"PYTHONPATH": str(tmp_path / "site")}
    )
    assert worker.load("h").kind is Kind.LOADED
    assert pieces(worker.predict(b"1")) == [b"0.12.0"]


def test_a_worker_leaves_when_the_engine_goes_before_the_first_frame(start_worker: Start) -> None:
    assert start_worker(ECHO).leave() == (0, "", "")


def test_the_context_tells_about_model_and_request(start_worker: Start, model_dir: Path) -> None:
    (model_dir / "config.yaml").write_text("1: one\n")
    report = (
        "[context.manifest['model']['handler'], context.get_request_header(0, 'X-Key'), context.get_request_id(), "
        "sorted(context.system_properties.items()), list(context.model_yaml_config.items()), os.getcwd()]"
    )
    worker = start_worker(ANSWER.format(body=f"import os; return [{report}]"))
    worker.load("h:handle", config_file="config.yaml", model_config={"1": "one"}, batch_size=4)
    (answer,) = pieces(worker.predict(b"1", **{"X-Key": "value"}))
    handler, header, request_id, properties, config, folder = json.loads(answer)
    assert (handler, header, request_id) == ("h.py", "value", "id-0")
    assert dict(properties) == {
        "batch_size": 4,
        "gpu_id": None,
        "limit_max_image_pixels": True,
        "model_dir": str(model_dir),
        "server_name": "MMS",
        "server_version": "0.1",
    }
    assert config == [[1, "one"]]
    assert Path(folder) == model_dir.resolve()


def python39() -> str:
    """Return a Python 3.9 that runs, or skip."""
    found = shutil.which("python3.9")
    if found is None or os.system(f"{found} -c '' 2> {os.devnull}") != 0:
        pytest.skip("python3.9 is not on PATH, or does not run")
    return found


def test_python_3_9_can_run_a_worker(start_worker: Start) -> None:
    worker = start_worker(
        """
        import sys
        import ts.metrics.metric, ts.service, ts.handler_utils.utils

        def handle(data, context):
            return data and [sys.version_info[:2], data[0]["body"]]
        """,
        interpreter=python39(),
    )
    assert worker.load("h.py").kind is Kind.LOADED
    version, text = pieces(worker.predict(b'"one"', b"2"))
    assert (json.loads(version), text) == ([3, 9], b"one")
    assert worker.leave() == (0, "", "")


def test_a_config_without_a_file_is_what_the_engine_parsed(start_worker: Start) -> None:
    worker = start_worker(ANSWER.format(body="return [context.model_yaml_config]"))
    worker.load("h", model_config={"a": [1]})
    assert json.loads(pieces(worker.predict(b"1"))[0]) == {"a": [1]}


# Batches ahead

SLOWLY = """
    import os
    def handle(data, context):
        if data:
            with open(bytes(data[0]["body"]).decode()) as fifo:
                return [fifo.read()]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the pipes are opened under /proc")
def test_a_worker_begins_what_came_ahead_unless_it_was_taken_back(start_worker: Start, tmp_path: Path) -> None:
    worker, pipes, gate = start_worker(SLOWLY), Claims(), tmp_path / "gate"
    os.mkfifo(gate)
    assert worker.load("h.py", ahead=pipes.places).meta["ahead"]
    worker.send(str(gate).encode(), content_type="")
    with gate.open("w") as fifo:
        for batch in (8, 9):
            pipe = pipes.offer(batch)
            jobs = [{"id": str(batch), "headers": {}, "inputs": [["body", "", len(os.devnull)]]}]
            meta = {"batch": batch, "jobs": jobs, "ahead": pipe}
            worker.channel.send(encode(Kind.PREDICT, meta, [os.devnull.encode()]))
            if batch == 8:
                assert pipes.take_back()
        fifo.write("first")
    assert [worker.receive().meta["batch"] for _ in range(2)] == [7, 9]
    pipes.close()
    assert worker.leave()[0] == 0


def test_a_worker_that_cannot_open_the_pipes_says_so(start_worker: Start) -> None:
    worker = start_worker(ECHO)
    assert worker.load("h.py", ahead=[("/nowhere", "pipe:[1]")]).meta["ahead"] is False
