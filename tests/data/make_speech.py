#!/usr/bin/env python3
"""Makes `speech.wav` and, beside it, `speech.json`: the intervals, in seconds, where the recording holds speech.

Run by hand on a machine with espeak-ng (Debian: `apt-get install espeak-ng`): `python tests/data/make_speech.py`.
The truth comes from the construction: each sentence is trimmed of the synthesiser's own silence and laid at a known
sample between stretches of faint noise. 16 kHz, mono, 16 bit; standard library only.
"""

from __future__ import annotations

import array
import io
import json
import random
import shutil
import subprocess
import wave
from pathlib import Path
from typing import TypeAlias

RATE = 16_000  # samples per second
SENTENCES = ("The harbour opens early in the morning", "Seven ships are waiting outside")
SILENCE = 1.2  # seconds before, between and after the sentences
NOISE = 6  # amplitude of the noise floor, of 32767: no microphone gives digital silence
AUDIBLE = 300  # amplitude from which a sample counts as speech
FOLDER = Path(__file__).resolve().parent

Samples: TypeAlias = "array.array[int]"


def synthesise(sentence: str) -> Samples:
    """One spoken sentence at `RATE`, without the silence that espeak-ng puts around it."""
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise SystemExit("espeak-ng is not installed; on Debian: apt-get install espeak-ng")
    command = [espeak, "-v", "en-gb", "-s", "165", "--stdout", sentence]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as source:
        samples = array.array("h", source.readframes(source.getnframes()))
        return trim(resample(samples, source.getframerate()))


def resample(samples: Samples, rate: int) -> Samples:
    """Linear interpolation from `rate` to `RATE`: good enough for a voice detector."""
    step = rate / RATE
    positions = (index * step for index in range(int((len(samples) - 1) / step)))
    return array.array("h", (interpolate(samples, position) for position in positions))


def interpolate(samples: Samples, position: float) -> int:
    """The value at a fractional index."""
    whole = int(position)
    share = position - whole
    return round(samples[whole] * (1 - share) + samples[whole + 1] * share)


def trim(samples: Samples) -> Samples:
    """From the first to the last audible sample."""
    audible = [index for index, value in enumerate(samples) if abs(value) >= AUDIBLE]
    return samples[audible[0] : audible[-1] + 1]


def compose(sentences: list[Samples]) -> tuple[Samples, list[dict[str, float]]]:
    """The recording, and the interval of each sentence in seconds."""
    quiet = array.array("h", bytes(2 * int(SILENCE * RATE)))
    recording, truth = quiet[:], []
    for sentence in sentences:
        start = len(recording)
        recording += sentence
        truth.append({"start": round(start / RATE, 3), "end": round(len(recording) / RATE, 3)})
        recording += quiet
    return with_noise(recording), truth


def with_noise(samples: Samples) -> Samples:
    """The samples over a faint, repeatable noise floor."""
    noise = random.Random(0)
    return array.array("h", (max(-32768, min(32767, value + noise.randint(-NOISE, NOISE))) for value in samples))


def main() -> None:
    """Writes both files beside this script."""
    recording, truth = compose([synthesise(sentence) for sentence in SENTENCES])
    with wave.open(str(FOLDER / "speech.wav"), "wb") as target:
        target.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        target.writeframes(recording.tobytes())
    (FOLDER / "speech.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
