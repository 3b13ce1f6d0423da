"""Reading an answer's body by its kind, whatever its content type says. Runs in a thread.

Numbers keep the digits that the server wrote. What is too large to be shown whole is cut, and says so.
"""

from __future__ import annotations

import codecs
import io
import json
import sys
import wave
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from gui import words
from gui.words import tr

if TYPE_CHECKING:
    from gui.tryit.answer import Answer

# Beyond these a tree, an image or a text costs more than it shows: strings are parsed without letting others run.
LARGEST_JSON = 2**20
LARGEST_SIDE = 2048
LONGEST_TEXT = 60_000
DUMPED = 4096
DUMP_ROW = 16
PEAKS = 600
SAMPLES_LOOKED_AT = 4096
PRINTABLE_CONTROLS = frozenset("\n\r\t\f\b\x1b")
SPACE, DELETE = " ", "\x7f"


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsonContent:
    """Parsed JSON: dict, list, str, `Number`, bool or None."""

    value: Any


@dataclass(frozen=True, slots=True)
class ImageContent:
    """A decoded image, not larger than is useful; `width` and `height` are those of the original, in pixels."""

    image: QImage
    form: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class WaveContent:
    """The wave form of a WAV: `peaks` are the least and the greatest sample of each stretch, from -1 to 1."""

    channels: int
    rate: int
    bits: int
    seconds: float
    peaks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class TextContent:
    """Text, or its beginning when `cut`."""

    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Anything else: a hex dump of the first bytes. `playable` when it says that it is sound or film."""

    dump: str
    playable: bool = False


Content = JsonContent | ImageContent | WaveContent | TextContent | BytesContent


def read_content(answer: Answer) -> Content:
    """Read the body by what it is: sound and images by their first bytes, then JSON, text, bytes."""
    kind = answer.header("content-type").lower()
    for reader in (_read_wave, _read_image):
        if (content := reader(answer.body)) is not None:
            return content
    text = decoded(answer.body, charset(kind), cut=answer.file is not None)
    if text is None:
        return BytesContent(hex_dump(answer.body[:DUMPED]), playable=kind.startswith(("audio/", "video/")))
    if answer.file is None and (json_content := read_json(text, declared="json" in kind)):
        return json_content
    return TextContent(text[:LONGEST_TEXT], cut=len(text) > LONGEST_TEXT or answer.file is not None)


def charset(content_type: str) -> str:
    """The encoding that a content type names, UTF-8 when it names none that is known."""
    named = content_type.partition("charset=")[2].partition(";")[0].strip(" \"'")
    try:
        return codecs.lookup(named).name if named else "utf-8"
    except LookupError:
        return "utf-8"


def decoded(body: bytes, encoding: str, *, cut: bool = False) -> str | None:
    """The body as text, None when it is none; a character that the `cut` divides is left out."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(body, final=not cut)
    except (UnicodeDecodeError, LookupError):
        return None
    head = text[:DUMPED]
    is_text = all((sign >= SPACE and sign != DELETE) or sign in PRINTABLE_CONTROLS for sign in head)
    return text if is_text else None


def read_json(text: str, *, declared: bool) -> JsonContent | None:
    """Parse what says that it is JSON, or looks like an object or a list; None when it is none or too large."""
    looks = text.lstrip()[:1] in {"{", "["}
    if not (declared or looks) or len(text) > LARGEST_JSON:
        return None
    try:
        # Hooks written in Python let other threads run while a long text is parsed.
        value = json.loads(text, parse_int=_number, parse_float=_number, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None
    return JsonContent(value)


def _number(digits: str) -> Number:
    return Number(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs)


def _read_image(body: bytes) -> ImageContent | None:
    buffer = QBuffer()
    buffer.setData(QByteArray(body))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    reader.setDecideFormatFromContent(True)
    if not reader.canRead():
        return None
    reader.setAutoTransform(True)
    whole, form = reader.size(), reader.format().toStdString()
    if max(whole.width(), whole.height()) > LARGEST_SIDE:
        reader.setScaledSize(whole.scaled(QSize(LARGEST_SIDE, LARGEST_SIDE), Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        return None
    size = whole if whole.isValid() else image.size()
    return ImageContent(image, form.upper(), size.width(), size.height())


def _read_wave(body: bytes) -> WaveContent | None:
    if body[:4] != b"RIFF" or body[8:12] != b"WAVE":
        return None
    try:
        with wave.open(io.BytesIO(body)) as sound:
            samples = _samples(sound.readframes(sound.getnframes()), sound.getsampwidth())
            channels, rate, bits = sound.getnchannels(), sound.getframerate(), 8 * sound.getsampwidth()
            seconds = sound.getnframes() / rate
    except (wave.Error, EOFError, ZeroDivisionError, ValueError):
        return None
    return WaveContent(channels, rate, bits, seconds, peaks(samples))


def _samples(frames: bytes, width: int) -> array[int]:
    """PCM samples as signed numbers of 16 bits; the lowest bits of wider ones make no difference on a screen."""
    narrow = bytearray(2 * (len(frames) // width))
    if width == 1:
        narrow[1::2] = bytes(frames).translate(bytes((value - 128) % 256 for value in range(256)))
    else:
        whole = len(narrow) // 2 * width
        narrow[0::2], narrow[1::2] = frames[width - 2 : whole : width], frames[width - 1 : whole : width]
    samples = array("h", bytes(narrow))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def peaks(samples: array[int], count: int = PEAKS) -> tuple[tuple[float, float], ...]:
    """The least and the greatest sample of at most `count` stretches, from -1 to 1."""
    stretch = max(1, -(-len(samples) // count))
    step = max(1, stretch // SAMPLES_LOOKED_AT)
    starts = range(0, len(samples), stretch)
    looked = (samples[start : start + stretch : step] for start in starts)
    full = 2**15
    return tuple((min(part) / full, max(part) / full) for part in looked)


def hex_dump(body: bytes) -> str:
    """Offset, bytes in hexadecimal and what of them is ASCII, sixteen a line."""
    lines = []
    for offset in range(0, len(body), DUMP_ROW):
        row = body[offset : offset + DUMP_ROW]
        shown = "".join(chr(byte) if SPACE <= chr(byte) < DELETE else "·" for byte in row)
        lines.append(f"{offset:08x}  {row.hex(' '):<{3 * DUMP_ROW - 1}}  {shown}")
    return "\n".join(lines)


def content_words(content: Content) -> str:
    """What the body is, in a few words."""
    match content:
        case ImageContent(form=form, width=width, height=height):
            return tr("{form} image, {width} by {height} pixels").format(form=form, width=width, height=height)
        case WaveContent(channels=channels, rate=rate, bits=bits, seconds=seconds):
            heard = words.counted(channels, "%n channel", "%n channels")
            facts = {"seconds": f"{seconds:.2f}", "rate": words.number(rate), "bits": bits, "channels": heard}
            return tr("WAV, {seconds} s, {rate} Hz, {bits} bits, {channels}").format(**facts)
        case TextContent(text=text, cut=True):
            return tr("The first {count} characters. Save the answer to have all of it.").format(
                count=words.number(len(text))
            )
        case BytesContent():
            return tr("Neither text nor an image. The first bytes:")
    return ""
