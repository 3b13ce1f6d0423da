"""Handler of the Silero voice-activity detector: a WAV recording in, the intervals that hold speech out.

Runs in the worker process. Self-contained: the archive holds this file and the TorchScript network, nothing else.
Body: 16 kHz, mono, 16-bit WAV. Answer: `[{"start": seconds, "end": seconds}, ...]`.
"""

import io
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from ts.context import Context
from ts.utils.util import PredictionException

RATE = 16_000  # samples per second
WINDOW = 512  # samples per step: the only length that the network takes at this rate
SPEECH = 0.5  # probability from which a window opens an interval
QUIET = 0.35  # probability below which a window closes it
SHORTEST_PAUSE = 0.1  # seconds; a shorter pause belongs to the speech around it
SHORTEST_SPEECH = 0.25  # seconds; anything shorter is a click
MARGIN = 0.03  # seconds added on both sides

Interval = tuple[float, float]


class SileroVadHandler:
    """Detects speech. The network keeps its state between windows, so recordings go through it one by one."""

    def initialize(self, context: Context) -> None:
        """Loads the network that the manifest names."""
        folder = Path(context.system_properties["model_dir"])
        self.model = torch.jit.load(folder / context.manifest["model"]["serializedFile"], map_location="cpu").eval()

    def handle(self, data: list[dict[str, Any]], _context: Context) -> list[list[dict[str, float]]]:
        """One list of intervals per request; raises PredictionException (400) for a body that is no such WAV."""
        recordings = [read_wav(row.get("data") or row.get("body")) for row in data]
        return [self.detect(recording) for recording in recordings]

    def detect(self, samples: torch.Tensor) -> list[dict[str, float]]:
        """The intervals of one recording: a vector of samples between -1 and 1."""
        length = len(samples) / RATE
        found = pad(long_enough(joined(runs(self.probabilities(samples)))), length)
        return [{"start": round(start, 3), "end": round(end, 3)} for start, end in found]

    def probabilities(self, samples: torch.Tensor) -> list[float]:
        """The probability of speech in each window of `WINDOW` samples; the last one is filled up with silence."""
        windows = torch.nn.functional.pad(samples, (0, -len(samples) % WINDOW)).view(-1, WINDOW)
        self.model.reset_states()
        with torch.no_grad():
            return [self.model(window, RATE).item() for window in windows]


def read_wav(body: object) -> torch.Tensor:
    """The samples of a WAV file as float32 between -1 and 1."""
    if not isinstance(body, (bytes, bytearray)):
        raise PredictionException("the body must be a WAV file", 400)
    try:
        with wave.open(io.BytesIO(body)) as source:
            layout = (source.getframerate(), source.getnchannels(), source.getsampwidth())
            frames = source.readframes(source.getnframes())
    except (wave.Error, EOFError) as error:
        raise PredictionException(f"the body is no WAV file: {error}", 400) from error
    if layout != (RATE, 1, 2):
        raise PredictionException("the recording must be 16 kHz, mono, 16 bit", 400)
    whole = bytearray(frames[: len(frames) // 2 * 2])  # a recording that was cut short may end inside a sample
    return torch.frombuffer(whole, dtype=torch.int16).float() / 32768 if whole else torch.zeros(0)


def runs(probabilities: Iterable[float]) -> Iterator[Interval]:
    """From each window at or above `SPEECH` to the next one below `QUIET`, in seconds."""
    start: float | None = None
    now = 0.0
    for probability in probabilities:
        if start is None and probability >= SPEECH:
            start = now
        elif start is not None and probability < QUIET:
            yield start, now
            start = None
        now += WINDOW / RATE
    if start is not None:
        yield start, now


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals without pauses shorter than `SHORTEST_PAUSE`."""
    result: list[Interval] = []
    for start, end in intervals:
        if result and start - result[-1][1] < SHORTEST_PAUSE:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def long_enough(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals of at least `SHORTEST_SPEECH`."""
    return [(start, end) for start, end in intervals if end - start >= SHORTEST_SPEECH]


def pad(intervals: Iterable[Interval], length: float) -> list[Interval]:
    """The intervals with `MARGIN` on both sides, inside a recording of `length` seconds."""
    return [(max(0.0, start - MARGIN), min(length, end + MARGIN)) for start, end in intervals]
