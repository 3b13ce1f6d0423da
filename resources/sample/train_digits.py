#!/usr/bin/env python3
"""Makes the sample: trains the network, packs `digits.mar` and draws the example images.

Run from anywhere with the test dependencies installed: `python resources/sample/train_digits.py`. It takes less than
a minute, is repeatable, and refuses to pack a network that reads fewer than 97 % of the held-out digits.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import torch
from digits_image import INK, SIDE, read_digit
from PIL import Image, ImageOps
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from engine.archives.packing import pack

FOLDER = Path(__file__).resolve().parent
SEED = 7
EPOCHS = 60
BATCH = 64
REQUIRED = 0.97  # share of held-out digits read right
EXAMPLES = {"seven": 7, "four": 4, "zero": 0}  # file stem -> digit; drawn from held-out digits


class Digits(NamedTuple):
    """Images (count, 8, 8) between 0 and 16, and the digit that each shows."""

    images: torch.Tensor
    labels: torch.Tensor


def split() -> tuple[Digits, Digits]:
    """The digits to learn from (80 %) and the held-out ones, always the same."""
    source = load_digits()
    images, labels = torch.from_numpy(source.images).float(), torch.from_numpy(source.target).long()
    learn, held = train_test_split(range(len(labels)), test_size=0.2, random_state=SEED, stratify=source.target)
    return Digits(images[learn], labels[learn]), Digits(images[held], labels[held])


def draw(pixels: torch.Tensor, side: int = 160) -> Image.Image:
    """One 8 x 8 digit as people write it: dark on light, with a margin, `side` pixels wide."""
    grey = (255 - pixels * (255 / INK)).round().to(torch.uint8)
    small = Image.frombytes("L", (SIDE, SIDE), bytes(grey.flatten().tolist()))
    margin = side // 8
    enlarged = small.resize((side - 2 * margin,) * 2, Image.Resampling.BICUBIC)
    return ImageOps.expand(enlarged, margin, fill=255)


def png(image: Image.Image) -> bytes:
    """The image as the bytes of a PNG file."""
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def as_sent(images: torch.Tensor) -> torch.Tensor:
    """The same digits after a journey through a PNG file and the handler's preprocessing."""
    return torch.stack([read_digit(png(draw(pixels))) for pixels in images])


def network() -> nn.Sequential:
    """A small convolutional net: (batch, 1, 8, 8) between 0 and 1 to ten scores."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(48 * 4 * 4, 64),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(64, 10),
    )


def jitter(images: torch.Tensor) -> torch.Tensor:
    """Each image slightly turned, stretched and moved: hands differ."""
    count = len(images)
    theta = torch.eye(2, 3).repeat(count, 1, 1) + 0.1 * torch.randn(count, 2, 3)
    grid = nn.functional.affine_grid(theta, [count, 1, SIDE, SIDE], align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def train(digits: Digits) -> nn.Sequential:
    """A network that has learnt the digits, raw and as sent."""
    images = torch.cat([digits.images, as_sent(digits.images)]).unsqueeze(1) / INK
    labels = digits.labels.repeat(2)
    net = network()
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    steps = EPOCHS * -(-len(labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            loss = nn.functional.cross_entropy(net(jitter(images[chosen])), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images, between 0 and 16, that the network reads right."""
    with torch.inference_mode():
        return (net(images.unsqueeze(1) / INK).argmax(dim=1) == labels).float().mean().item()


def serialize(net: nn.Module) -> bytes:
    """The network as TorchScript, without the notes for debugging: they hold paths of the machine that trains."""
    written, kept = io.BytesIO(), io.BytesIO()
    torch.jit.save(torch.jit.script(net), written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(kept, "w") as target:
        for member in source.infolist():
            if not member.filename.endswith(".debug_pkl"):
                target.writestr(member, source.read(member))
    return kept.getvalue()


def save(net: nn.Module, destination: Path) -> None:
    """Packs the network as TorchScript with its handler."""
    sources = {name: FOLDER / name for name in ("digits_handler.py", "digits_image.py")}
    pack(
        destination,
        model_name="digits",
        version="1.0",
        handler="digits_handler.py",
        files={"digits.pt": serialize(net), **sources},
        serialized_file="digits.pt",
        description="Reads one handwritten digit from an image",
    )


def save_examples(held: Digits) -> None:
    """Draws one held-out digit for each of EXAMPLES."""
    for stem, digit in EXAMPLES.items():
        first = int((held.labels == digit).nonzero()[0])
        (FOLDER / f"{stem}.png").write_bytes(png(draw(held.images[first])))


def main() -> None:
    """Trains, checks, packs and draws."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    learn, held = split()
    net = train(learn)
    raw, sent = (accuracy(net, images, held.labels) for images in (held.images, as_sent(held.images)))
    print(f"held-out digits read right: {raw:.2%} raw, {sent:.2%} as PNG files")  # noqa: T201  its one line of output
    if min(raw, sent) < REQUIRED:
        raise SystemExit(f"at least {REQUIRED:.0%} are required; nothing was packed")
    save(net, FOLDER / "digits.mar")
    save_examples(held)


if __name__ == "__main__":
    main()
