"""What handlers emit: matched with the declared families, or new ones where detection is on. On the loop.

TorchServe's rules: what is not declared is passed over, unless `model_metrics_auto_detect` is on; what does not fit its
declaration is logged and passed over; values of labels count by their position.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

from prometheus_client import Metric

from engine.metrics.declarations import HOST_LABEL, Declaration, DeclarationError, Kind
from engine.metrics.families import Family, FamilyFullError
from engine.metrics.lines import Line
from engine.workers.channel import Emitted

log = logging.getLogger(__name__)

# Families that detection adds, series that are remembered, lines that wait for the log, and reasons that the log names:
# for each the most.
MAX_DETECTED = 1000
MAX_PLACES = 1000
MAX_LINES = 50_000
MAX_TOLD = 100

# Name, type and dimensions of what was emitted; a family, and the values of its labels.
_Key = tuple[str, str, tuple[tuple[str, str], ...]]
_Place = tuple[Family, tuple[str, ...]]


class ModelMetrics:
    """The families of the handlers. Series of models that are gone go with them."""

    def __init__(self, declared: Mapping[str, Declaration], host: str, *, detect: bool, in_log: bool) -> None:
        """`in_log`: values become lines to take away instead of series to read."""
        self._families = {name: Family(one) for name, one in declared.items()}
        self._declared = frozenset(declared)
        self._host = host
        self._detect = detect
        self._in_log = in_log
        self._lines: list[Line] = []
        self._places: dict[_Key, _Place] = {}
        self._told: set[str] = set()

    def take(self, model: str, emitted: Iterable[Emitted]) -> None:
        """Take what a worker of `model` emitted; what cannot be taken is named once in the log."""
        for one in emitted:
            try:
                if place := self._place(one):
                    self._update(place, model, one)
            except (DeclarationError, FamilyFullError) as error:
                self._tell(one.name, f"Metric {one.name[:100]!r} of {model} is not updated: {error}")

    def retain(self, models: Iterable[str]) -> None:
        """Forget the series of all other models, and detected families that have none left."""
        kept = set(models)
        self._places.clear()
        for family in self._families.values():
            family.retain(kept)
        self._families = {n: family for n, family in self._families.items() if n in self._declared or family.series}

    def metrics(self) -> list[Metric]:
        """Return every family as it is now."""
        return [family.metric() for family in self._families.values()]

    def take_lines(self) -> list[Line]:
        """Return the lines since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def _place(self, emitted: Emitted) -> _Place | None:
        """Return where a value belongs; the same handlers emit the same series again and again."""
        key = (emitted.name, emitted.type, emitted.dimensions)
        place = self._places.get(key)
        if place is None and (family := self._family(emitted)):
            place = family, self._labels(family.declared, emitted)
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            self._places[key] = place
        return place

    def _family(self, emitted: Emitted) -> Family | None:
        family = self._families.get(emitted.name)
        if family is not None or not self._detect:
            return family
        if len(self._families) - len(self._declared) >= MAX_DETECTED:
            raise FamilyFullError(f"{MAX_DETECTED} families were detected, the most that are kept")
        labels = (*(name for name, _ in emitted.dimensions), HOST_LABEL)
        family = Family(Declaration(emitted.name, Kind(emitted.type), emitted.unit, labels))
        self._families[emitted.name] = family
        return family

    def _labels(self, declared: Declaration, emitted: Emitted) -> tuple[str, ...]:
        if emitted.type != declared.kind:
            raise DeclarationError(f"it is a {emitted.type}, declared as a {declared.kind}")
        labels = (*(value for _, value in emitted.dimensions), self._host)
        if len(labels) != len(declared.labels):
            raise DeclarationError(
                f"it has {len(labels) - 1} dimensions, declared are {', '.join(declared.labels[:-1])}"
            )
        return labels

    def _update(self, place: _Place, model: str, emitted: Emitted) -> None:
        family, labels = place
        if not self._in_log:
            family.update(labels, emitted.value, model)
        elif len(self._lines) < MAX_LINES:
            self._lines.append(Line(family.declared, labels, emitted.value, int(time.time()), emitted.request_ids))
        else:
            raise FamilyFullError(f"more than {MAX_LINES} values came at once")

    def _tell(self, name: str, text: str) -> None:
        if name not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(name)
            log.warning("%s", text)
