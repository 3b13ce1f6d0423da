"""Where a graph's four grid lines lie, from zero up, and what is written beside them. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

from gui.words import KILO, THIN_SPACE, UNITS

INTERVALS = 3
LEAST = 1e-4
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
# From here on a number is written in millions, and then in billions.
LARGE = ((1e9, "G"), (1e6, "M"))


class Scale(NamedTuple):
    """The values of the grid lines, lowest first, and their labels; `unit` is what all are in, for the title."""

    values: tuple[float, ...]
    labels: tuple[str, ...]
    unit: str = ""

    @property
    def top(self) -> float:
        """The value at the upper edge."""
        return self.values[-1]


def of_numbers(most: float) -> Scale:
    """Lines for values from zero to `most`."""
    step = _step(most / INTERVALS)
    divisor, suffix = next((found for found in LARGE if INTERVALS * step >= found[0]), (1.0, ""))
    return _scale(step, divisor, f" {suffix}" if suffix else "")


def of_counts(most: float) -> Scale:
    """Lines for whole numbers, at whole numbers."""
    step = _step(most / INTERVALS)
    return of_numbers(most) if step.is_integer() else _scale(math.ceil(step), 1, "")


def of_bytes(most: float) -> Scale:
    """Lines for bytes, all in the unit that fits the uppermost."""
    power = min(len(UNITS) - 1, int(math.log(max(most, 1), KILO) + 1e-9))
    divisor = float(KILO**power)
    step = _step(most / divisor / INTERVALS)
    return _scale(step * divisor, divisor, "")._replace(unit=UNITS[power])


def _step(least: float) -> float:
    """The smallest round step that is no less than this; 1 for nothing to speak of."""
    if least < LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))


def _scale(step: float, divisor: float, suffix: str) -> Scale:
    values = tuple(step * line for line in range(INTERVALS + 1))
    digits = _digits(step / divisor)
    texts = (f"{value / divisor:,.{digits}f}".replace(",", THIN_SPACE) + suffix for value in values[1:])
    return Scale(values, ("0", *texts))


def _digits(step: float) -> int:
    """How many decimals tell one step from the next."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    exact = round(step * 10**digits, 6)
    return digits if exact.is_integer() else digits + 1
