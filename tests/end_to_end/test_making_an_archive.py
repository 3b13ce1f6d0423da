"""A TorchScript file and its handler are dropped, made into an archive, registered and asked. Everything is real."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import torch

from engine.home import Home
from gui.dialogs.make_archive import MakeArchiveDialog
from gui.dialogs.register import RegisterDialog
from tests.support.person import Person

AtTheWindow = Callable[..., Any]

HANDLER = """
import torch
from ts.torch_handler.base_handler import BaseHandler

class Doubling(BaseHandler):
    def preprocess(self, data):
        return torch.tensor([row["body"] for row in data], dtype=torch.float32)
"""


class Double(torch.nn.Module):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch * 2


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def make_and_ask(person: Person, folder: Path, store: Path) -> None:
    person.drops(folder)
    making = await person.dialog(MakeArchiveDialog)
    assert (making.name.text(), making.handler.currentText()) == ("doubling", "handler.py")
    assert files_in(store) == [], "looking writes nothing"
    await person.accepts(making)
    assert files_in(store) == ["doubling.mar"]

    register = await person.dialog(RegisterDialog)
    assert not person.window.catalog.models, "making registers nothing"
    await person.accepts(register)
    await person.ready("doubling", "1.0", workers=1)

    url = f"{person.addresses['inference']}/predictions/doubling"
    async with aiohttp.ClientSession() as session, session.post(url, json=[1, 2.5]) as response:
        assert (response.status, await response.json(content_type=None)) == (200, [2.0, 5.0])


def test_a_folder_with_torchscript_is_made_registered_and_asked(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    folder = tmp_path / "doubling"
    folder.mkdir()
    torch.jit.save(torch.jit.script(Double()), folder / "double.pt")
    (folder / "handler.py").write_text(HANDLER, encoding="utf-8")

    async def act(person: Person, home: Home) -> None:
        await make_and_ask(person, folder, home.model_store)
        with zipfile.ZipFile(home.model_store / "doubling.mar") as archive:
            assert sorted(archive.namelist()) == ["MAR-INF/MANIFEST.json", "double.pt", "handler.py"]

    assert not at_the_window(act), "tasks left over"
