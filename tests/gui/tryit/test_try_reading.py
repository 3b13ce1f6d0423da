from __future__ import annotations

import io
import wave
from array import array
from pathlib import Path

import pytest

from gui.tryit.answer import Answer
from gui.tryit.reading import (
    DUMPED,
    LONGEST_TEXT,
    PEAKS,
    BytesContent,
    ImageContent,
    JsonContent,
    Number,
    TextContent,
    WaveContent,
    content_words,
    hex_dump,
    peaks,
    read_content,
)

SEVEN = Path(__file__).parents[3] / "resources" / "sample" / "seven.png"


def an_answer(body: bytes, content_type: str = "application/octet-stream", file: Path | None = None) -> Answer:
    return Answer(200, "OK", (("Content-Type", content_type),), body, len(body), 0.1, file)


def a_sound(width: int = 2, frames: int = 1600) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(width)
        sound.setframerate(16_000)
        loud = 0.5 * 2 ** (8 * width - 1)
        value = int(loud) + 128 if width == 1 else int(loud)
        sound.writeframes(value.to_bytes(width, "little") * frames)
    return target.getvalue()


def test_json_is_found_whatever_the_type_says_and_keeps_its_digits() -> None:
    content = read_content(an_answer(b'{"p": 0.10, "n": 12345678901234567890}'))
    assert isinstance(content, JsonContent)
    assert content.value == {"p": "0.10", "n": "12345678901234567890"}
    assert isinstance(content.value["p"], Number)


def test_a_lone_value_is_json_only_when_it_says_so() -> None:
    assert isinstance(read_content(an_answer(b"7")), TextContent)
    assert isinstance(read_content(an_answer(b"7", "application/json")), JsonContent)


@pytest.mark.parametrize("body", [b"{broken", b"[" * 100_000])
def test_what_is_no_json_is_text(body: bytes) -> None:
    assert isinstance(read_content(an_answer(body, "application/json")), TextContent)


def test_an_image_is_decoded_and_told_in_words() -> None:
    content = read_content(an_answer(SEVEN.read_bytes()))
    assert isinstance(content, ImageContent)
    assert (content.width, content.height) == (content.image.width(), content.image.height())
    assert content_words(content).startswith("PNG image")


def test_a_broken_image_is_bytes() -> None:
    assert isinstance(read_content(an_answer(SEVEN.read_bytes()[:40], "image/png")), BytesContent)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_wave_form_is_drawn_from_every_width_of_samples(width: int) -> None:
    content = read_content(an_answer(a_sound(width), "audio/wav"))
    assert isinstance(content, WaveContent)
    assert content.seconds == pytest.approx(0.1)
    assert content.bits == 8 * width
    assert content.peaks[0] == pytest.approx((0.5, 0.5), abs=0.01)
    assert "0.10 s" in content_words(content)


def test_sound_that_is_no_wav_can_be_played_elsewhere() -> None:
    content = read_content(an_answer(b"ID3\x03\x00\xff\xfb", "audio/mpeg"))
    assert isinstance(content, BytesContent)
    assert content.playable


def test_the_peaks_are_few_and_hold_the_extremes() -> None:
    samples = array("h", [0] * 5000 + [2**14, -(2**14)] + [0] * 5000)
    found = peaks(samples)
    assert len(found) <= PEAKS
    assert (max(high for _, high in found), min(low for low, _ in found)) == (0.5, -0.5)
    assert peaks(array("h")) == ()


def test_long_text_is_cut_and_says_so() -> None:
    content = read_content(an_answer(b"x" * (LONGEST_TEXT + 1), "text/plain"))
    assert isinstance(content, TextContent)
    assert content.cut
    assert content_words(content)


def test_a_character_that_the_limit_divides_does_not_make_bytes_of_a_text() -> None:
    content = read_content(an_answer("né".encode()[:2], "text/plain", Path("whole")))
    assert content == TextContent("n", cut=True)


def test_text_of_another_encoding_is_read_by_its_charset() -> None:
    assert read_content(an_answer("é".encode("latin-1"), "text/plain; charset=latin-1")) == TextContent("é")
    assert read_content(an_answer("é".encode(), "text/plain; charset=nonsense")) == TextContent("é")


def test_other_bytes_are_dumped() -> None:
    content = read_content(an_answer(bytes(range(256)) * 40))
    assert isinstance(content, BytesContent)
    assert len(content.dump.splitlines()) == DUMPED // 16
    assert hex_dump(b"AB\x00") == "00000000  41 42 00" + " " * 39 + "  AB·"
