"""The handlers for images, with networks small enough to compute their answers another way."""

from __future__ import annotations

import base64
import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.support.handlers import FAKES, make_context, with_headers
from ts.torch_handler.densenet_handler import DenseNetHandler
from ts.torch_handler.image_classifier import ImageClassifier
from ts.torch_handler.image_segmenter import ImageSegmenter
from ts.torch_handler.object_detector import ObjectDetector
from ts.torch_handler.vision_handler import VisionHandler

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class ByColour(torch.nn.Module):
    """Scores 6 classes by the mean of each colour."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(18.0).reshape(3, 6).sin())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(2, 3)) @ self.weight


class PerPixel(torch.nn.Module):
    """Scores two classes for each pixel: its red and its blue."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": images[:, [0, 2]]}


class Boxes(torch.nn.Module):
    """Finds the same three things in every image, with the mean of the image as the last score."""

    def forward(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        found: list[dict[str, torch.Tensor]] = []
        for image in images:
            scores = torch.stack([torch.tensor(0.9), torch.tensor(0.2), image.mean()])
            found.append(
                {"boxes": torch.arange(12.0).reshape(3, 4), "labels": torch.tensor([1, 2, 1]), "scores": scores}
            )
        return found


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let torchvision and captum be the stand-ins."""
    monkeypatch.syspath_prepend(str(FAKES))
    for name in ("torchvision", "captum"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("torchvision", "captum")]:
        del sys.modules[name]


def picture(width: int = 300, height: int = 260, seed: int = 1) -> Image.Image:
    """Return an image of blocks, each as wide as the image is high."""
    noise = random.Random(seed)
    small = Image.new("RGB", (3, 3))
    small.putdata([tuple(noise.randrange(256) for _ in range(3)) for _ in range(9)])
    return small.resize((width, height), Image.Resampling.NEAREST)


def png(image: Image.Image) -> bytearray:
    file = io.BytesIO()
    image.save(file, "PNG")
    return bytearray(file.getvalue())


def colours(image: Image.Image) -> torch.Tensor:
    """Return the pixels of an image, [height, width, 3] from 0 to 1."""
    flat = torch.tensor(list(image.tobytes())).reshape(image.height, image.width, 3)
    return flat / 255


def as_network_sees(image: Image.Image) -> torch.Tensor:
    """Return the image resized, cropped and normalised: [3, 224, 224]."""
    factor = 256 / min(image.size)
    width, height = int(image.width * factor), int(image.height * factor)
    left, top = (width - 224) // 2, (height - 224) // 2
    middle = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    return ((colours(middle) - MEAN) / DEVIATION).permute(2, 0, 1)


def load(handler: VisionHandler, folder: Path, model: torch.nn.Module, labels: list[str] | None = None) -> Any:
    """Initialise the handler with the model as TorchScript; return its context."""
    torch.jit.script(model).save(str(folder / "model.pt"))  # type: ignore[no-untyped-call]
    if labels:
        (folder / "index_to_name.json").write_text(json.dumps(dict(enumerate(labels))))
    context = make_context(folder, {"serializedFile": "model.pt"})
    handler.initialize(context)
    return context


@pytest.mark.parametrize("kind", [ImageClassifier, DenseNetHandler])
def test_an_image_is_classified(kind: type[ImageClassifier], tmp_path: Path) -> None:
    images = [picture(), picture(400, 256, seed=2)]
    handler = kind()
    context = load(handler, tmp_path, ByColour(), [f"class {index}" for index in range(6)])
    rows: list[dict[str, Any]] = [{"data": png(images[0])}, {"body": base64.b64encode(png(images[1])).decode()}]
    answers = handler.handle(rows, with_headers(context))
    scores = ByColour()(torch.stack([as_network_sees(image) for image in images])).softmax(dim=1)
    for answer, row in zip(answers, scores.tolist(), strict=True):
        expected = sorted(((score, f"class {index}") for index, score in enumerate(row)), reverse=True)[:5]
        assert list(answer) == [label for _, label in expected]
        assert list(answer.values()) == pytest.approx([score for score, _ in expected], rel=1e-5)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
def test_an_image_need_not_be_in_three_colours(mode: str, tmp_path: Path) -> None:
    handler = ImageClassifier()
    load(handler, tmp_path, ByColour())
    image = picture().quantize(4) if mode == "P" else picture().convert(mode)
    prepared = handler.preprocess([{"body": png(image)}])[0]
    torch.testing.assert_close(prepared, as_network_sees(image.convert("RGB")))


@pytest.mark.parametrize(("asked", "given"), [(2, 2), (50, 6)])
def test_an_answer_holds_as_many_classes_as_asked_and_there_are(asked: int, given: int, tmp_path: Path) -> None:
    handler = ImageClassifier()
    context = load(handler, tmp_path, ByColour())
    handler.set_max_result_classes(asked)
    assert handler.get_max_result_classes() == asked
    [answer] = handler.handle([{"body": png(picture())}], with_headers(context))
    assert len(answer) == given
    assert set(answer) <= set("012345")


def test_an_image_may_be_nested_lists_or_come_bare_from_an_envelope(tmp_path: Path) -> None:
    handler = ImageClassifier()
    load(handler, tmp_path, ByColour())
    numbers = as_network_sees(picture()).tolist()
    prepared = handler.preprocess([{"body": numbers}, png(picture())])
    assert prepared.shape == (2, 3, 224, 224)
    torch.testing.assert_close(prepared[0], prepared[1])


@pytest.mark.parametrize("row", [{}, {"body": bytearray()}, {"body": {"image": 1}}])
def test_a_request_without_an_image_is_told(row: dict[str, Any], tmp_path: Path) -> None:
    handler = ImageClassifier()
    load(handler, tmp_path, ByColour())
    with pytest.raises(ValueError, match="A request has no image"):
        handler.preprocess([row])


def test_an_explanation_weighs_every_number_of_the_image(tmp_path: Path) -> None:
    handler = ImageClassifier()
    context = load(handler, tmp_path, ByColour())
    rows = [{"data": png(picture()), "target": bytearray(b"3")}]
    [explanation] = handler.handle(rows, with_headers(context, explain="True"))
    expected = as_network_sees(picture()) * ByColour().weight[:, 3, None, None] / 224**2
    torch.testing.assert_close(torch.tensor(explanation), expected)


def test_predictions_need_no_captum_and_explanations_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    handler = ImageClassifier()
    context = load(handler, tmp_path, ByColour())
    rows = [{"data": png(picture())}]
    assert len(handler.handle(rows, with_headers(context))) == 1
    with pytest.raises(ImportError, match="ImageClassifier needs the package captum"):
        handler.handle(rows, with_headers(context, explain="True"))


@pytest.mark.parametrize("kind", [ImageClassifier, ImageSegmenter, ObjectDetector])
def test_without_torchvision_nothing_loads_and_the_error_names_it(
    kind: type[VisionHandler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    context = make_context(tmp_path, {"requirementsFile": "requirements.txt"})
    with pytest.raises(ImportError, match=f"{kind.__name__} needs the package torchvision.*requirements.txt"):
        kind().initialize(context)


class Grey(VisionHandler):
    """What archives do: an own `image_processing`, and nothing of torchvision."""

    @staticmethod
    def image_processing(image: Image.Image) -> torch.Tensor:
        return colours(image.convert("RGB")).mean(dim=2)


class OwnSteps(ImageClassifier):
    image_processing = Grey.image_processing


def test_a_subclass_brings_its_own_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    grey = Grey()
    context = load(grey, tmp_path, torch.nn.Identity())
    image = picture(6, 3)
    [answer] = grey.handle([{"body": png(image)}], with_headers(context))
    torch.testing.assert_close(torch.tensor(answer), colours(image).mean(dim=2))
    load(OwnSteps(), tmp_path, ByColour())


def test_a_subclass_may_compose_torchvisions_steps(tmp_path: Path) -> None:
    from torchvision import transforms  # type: ignore[import-not-found]  # noqa: PLC0415 - the stand-in

    class Small(ImageClassifier):
        image_processing = transforms.Compose([transforms.CenterCrop(2), transforms.ToTensor()])

    handler = Small()
    load(handler, tmp_path, ByColour())
    assert handler.preprocess([{"body": png(picture())}]).shape == (1, 3, 2, 2)
    assert ImageClassifier.image_processing(picture()).shape == (3, 224, 224)


def test_the_limit_of_pixels_is_lifted_when_the_settings_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    torch.jit.script(ByColour()).save(str(tmp_path / "model.pt"))  # type: ignore[no-untyped-call]
    ImageClassifier().initialize(make_context(tmp_path, {"serializedFile": "model.pt"}))
    assert Image.MAX_IMAGE_PIXELS == 10
    unlimited = make_context(tmp_path, {"serializedFile": "model.pt"}, limit_max_image_pixels=False)
    ImageClassifier().initialize(unlimited)
    assert Image.MAX_IMAGE_PIXELS is None


def test_an_image_is_segmented(tmp_path: Path) -> None:
    handler = ImageSegmenter()
    context = load(handler, tmp_path, PerPixel())
    [answer] = handler.handle([{"body": png(picture())}], with_headers(context))
    seen = as_network_sees(picture())
    likelihood = 1 / (1 + (-(seen[0] - seen[2]).abs()).exp())
    pixels = torch.tensor(answer)
    assert pixels.shape == (224, 224, 2)
    torch.testing.assert_close(pixels[..., 0], (seen[2] > seen[0]).float())
    torch.testing.assert_close(pixels[..., 1], likelihood)


def test_objects_are_detected(tmp_path: Path) -> None:
    handler = ObjectDetector()
    context = load(handler, tmp_path, Boxes(), ["background", "cat", "dog"])
    dark, bright = Image.new("RGB", (4, 3), "black"), Image.new("RGB", (4, 3), "white")
    answers = handler.handle([{"body": png(dark)}, {"body": png(bright)}], with_headers(context))
    first = {"cat": [0.0, 1.0, 2.0, 3.0], "score": pytest.approx(0.9)}
    assert answers == [[first], [first, {"cat": [8.0, 9.0, 10.0, 11.0], "score": 1.0}]]
    handler.threshold = 0.95
    assert handler.handle([{"body": png(dark)}], with_headers(context)) == [[]]
