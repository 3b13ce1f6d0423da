"""Archives that name a built-in handler, from the model store to the answer over HTTP, with real worker processes."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from engine.archives.packing import pack
from engine.home import Home
from tests.support.handlers import FAKES
from tests.support.servers import Scenario, Server, make_home, make_settings, serving

pytestmark = [pytest.mark.end_to_end, pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]

TEXT_NET = """
import torch

class Bag(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.EmbeddingBag(3, 2)

    def forward(self, words, offsets):
        return self.embedding(words, offsets)
"""
MICRO = """
from ts.handler_utils.micro_batching import MicroBatching
from ts.torch_handler.base_handler import BaseHandler

class Doubler(BaseHandler):
    def initialize(self, context):
        self.handle = MicroBatching(self)

    def preprocess(self, rows):
        return [int(row["body"].decode()) for row in rows]

    def inference(self, numbers):
        return [number * 2 for number in numbers]

    def postprocess(self, numbers):
        return [f"{number} in {len(numbers)}" for number in numbers]
"""


class Brightness(torch.nn.Module):
    """Tells bright images from dark ones."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        brightness = images.mean(dim=(1, 2, 3))
        return torch.stack([-brightness, brightness], dim=1)


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def pack_image_classifier(home: Home, requirements_file: str = "") -> None:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Brightness()), file)
    files = {
        "net.pt": file.getvalue(),
        "index_to_name.json": json.dumps({"0": "night", "1": "day"}).encode(),
        "requirements.txt": b"torchvision\n",
    }
    place = home.model_store / "light.mar"
    pack(
        place,
        model_name="light",
        handler="image_classifier",
        files=files,
        serialized_file="net.pt",
        requirements_file=requirements_file,
    )


def pack_text_classifier(home: Home) -> None:
    files: Mapping[str, bytes] = {
        "net.py": TEXT_NET.encode(),
        "weights.pt": saved({"embedding.weight": torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])}),
        "source_vocab.pt": saved({"<unk>": 0, "good": 1, "bad": 2}),
        "index_to_name.json": json.dumps({"0": "praise", "1": "blame"}).encode(),
    }
    pack(
        home.model_store / "mood.mar",
        model_name="mood",
        handler="text_classifier",
        files=files,
        model_file="net.py",
        serialized_file="weights.pt",
    )


def serve(home: Home, scenario: Scenario) -> None:
    async def main() -> None:
        async with serving(home, make_settings()) as server:
            await scenario(server)

    asyncio.run(main())


def image(shade: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (240, 230), shade).save(file, "PNG")
    return file.getvalue()


def test_images_and_texts_are_classified_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    home = make_home(tmp_path)
    pack_image_classifier(home)
    pack_text_classifier(home)

    async def scenario(server: Server) -> None:
        for name in ("light", "mood"):
            registered = await server.register(f"url={name}.mar&initial_workers=1&synchronous=true")
            assert registered.status == 200, registered
        assert list((await server.predict("light", data=image("black"))).json) == ["night", "day"]
        answer = await server.predict("light", data=image("white"))
        assert list(answer.json) == ["day", "night"]
        seen = sum((1 - mean) / deviation for mean, deviation in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]) / 3
        assert answer.json["day"] == pytest.approx(torch.tensor(2 * seen).sigmoid().item())
        mood = await server.predict("mood", data=b"GOOD!", headers={"Content-Type": "text/plain"})
        assert mood.json["praise"] == pytest.approx(torch.tensor(4.0).sigmoid().item())

    serve(home, scenario)


def test_without_torchvision_the_load_fails_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'torchvision'\", name='torchvision')\n"
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "torchvision.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    home = make_home(tmp_path)
    pack_image_classifier(home, requirements_file="requirements.txt")

    async def scenario(server: Server) -> None:
        assert (await server.register("url=light.mar")).status == 200
        await server.manage("PUT", "/models/light?min_worker=1&synchronous=true")
        [version] = await server.describe("light")
        traceback = version["workers"][0]["traceback"]
        assert "ImageClassifier needs the package torchvision, which is not installed" in traceback
        assert "the archive's requirements.txt names torchvision and set install_py_dep_per_model=true" in traceback

    serve(home, scenario)


def test_a_handler_may_put_micro_batching_in_its_place_while_initialising(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    pack(home.model_store / "twice.mar", model_name="twice", handler="h.py", files={"h.py": MICRO.encode()})

    async def scenario(server: Server) -> None:
        registration = "url=twice.mar&initial_workers=1&synchronous=true&batch_size=3&max_batch_delay=20000"
        assert (await server.register(registration)).status == 200
        answers = await asyncio.gather(*(server.predict("twice", data=str(number).encode()) for number in (1, 2, 3)))
        assert [answer.body for answer in answers] == [b"2 in 1", b"4 in 1", b"6 in 1"]

    serve(home, scenario)
