"""From an image file to what the digits network reads. Pure; used by the handler in a worker and by the training.

The network knows the handwritten digits that scikit-learn ships: 8 by 8 pixels between 0 (paper) and 16 (ink).
"""

import io

import torch
from PIL import Image, ImageOps

SIDE = 8  # pixels
INK = 16.0  # full ink
FAINT = 64  # of 255: grey that still counts as paper when looking for the edges of the digit


def read_digit(body: bytes | bytearray) -> torch.Tensor:
    """The digit in an image file of any size, dark on light or light on dark: SIDE x SIDE floats between 0 and INK.

    Raises ValueError, with a text for the sender, for bytes that are no image and for an empty image.
    """
    return to_tensor(fit(light_on_dark(open_grey(body))))


def open_grey(body: bytes | bytearray) -> Image.Image:
    """The decoded image in shades of grey; what is transparent counts as white paper."""
    try:
        with Image.open(io.BytesIO(body)) as image:
            colours = image.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError("the body is no image that can be read; send a PNG or JPEG file") from error
    paper = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(paper, colours).convert("L")


def light_on_dark(image: Image.Image) -> Image.Image:
    """The image at full contrast with bright ink: the paper is what most pixels show."""
    darkest, brightest = image.getextrema()
    if darkest == brightest:
        raise ValueError("the image is empty; send one dark digit on light paper, or the other way round")
    stretched = ImageOps.autocontrast(image)
    histogram = stretched.histogram()
    return ImageOps.invert(stretched) if sum(histogram[128:]) > sum(histogram[:128]) else stretched


def fit(image: Image.Image) -> Image.Image:
    """The digit alone, scaled to SIDE pixels on its longer edge and centred on a square."""
    digit = image.crop(image.point([0] * FAINT + [255] * (256 - FAINT)).getbbox())
    side = max(digit.size)
    square = Image.new("L", (side, side))
    square.paste(digit, ((side - digit.width) // 2, (side - digit.height) // 2))
    return square.resize((SIDE, SIDE), Image.Resampling.BOX if side >= SIDE else Image.Resampling.BILINEAR)


def to_tensor(image: Image.Image) -> torch.Tensor:
    """The grey values 0..255 of a SIDE x SIDE image as floats between 0 and INK."""
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.float().view(SIDE, SIDE) * (INK / 255)
