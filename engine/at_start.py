"""Which models are registered when Marina starts: a snapshot of TorchServe's, or what `load_models` says. Blocking.

A snapshot that was named counts beside the record. The last one, which counts because none was named, is for a record
that was never used: afterwards the record tells which models there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import SettingsError
from engine.registration import Registration
from engine.registry.records import Target
from engine.settings import Settings, SnapshotModel, StartModel
from engine.unpacked import whole_store


@dataclass(frozen=True, slots=True)
class AtStart:
    """One registration at the start; `snapshot` is what it came from, if it did."""

    registration: Registration
    snapshot: SnapshotModel | None = None

    @property
    def target(self) -> Target | None:
        """How many workers the snapshot wants; None leaves it to the archive and the settings."""
        return Target(self.snapshot.min_workers, self.snapshot.max_workers) if self.snapshot else None

    def __str__(self) -> str:
        """Return the archive, for the log."""
        return self.registration.url


def models_at_start(settings: Settings, model_store: Path, *, record_was_used: bool) -> list[AtStart]:
    """Return what to register, in order. A snapshot counts instead of `load_models` (TorchServe).

    Raises SettingsError when a snapshot that was named has an archive that the model store does not have: TorchServe
    does not start then either, rather than come up with half of the models.
    """
    if settings.reads_last_snapshot and record_was_used:
        return []
    if settings.model_snapshot:
        if not settings.reads_last_snapshot:
            _require_files(settings, model_store)
        return [AtStart(_registration(model), model) for model in settings.model_snapshot]
    if any(model.file == "ALL" for model in settings.load_models):
        return [_named(model) for model in whole_store(model_store)]
    return [_named(model) for model in settings.load_models]


def _named(model: StartModel) -> AtStart:
    return AtStart(Registration(model.file, model.name))


def _registration(model: SnapshotModel) -> Registration:
    return Registration(
        url=model.file,
        model_name=model.name,
        batch_size=model.batch_size,
        max_batch_delay=model.max_batch_delay,
        response_timeout=model.response_timeout,
        startup_timeout=model.startup_timeout,
    )


def _require_files(settings: Settings, model_store: Path) -> None:
    missing = sorted({model.file for model in settings.model_snapshot if not (model_store / model.file).exists()})
    if missing:
        raise SettingsError(
            f"model_snapshot ({settings.source('model_snapshot')}) names {', '.join(missing)}, not found in the model "
            f"store {model_store}. Put the archives there, or leave the snapshot out."
        )
