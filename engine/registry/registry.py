"""The registry proper: which versions of which models should exist. Pure; used on the loop by the engine alone."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import ConflictError, DefaultVersionError, ModelNotFoundError, VersionNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.registry.records import VersionSpec
    from engine.snapshots import Key


@dataclass(slots=True)
class _Model:
    default: str
    versions: dict[str, VersionSpec] = field(default_factory=dict)


class Registry:
    """Models by name, versions by their literal text. The first version of a model is its default (TorchServe)."""

    def __init__(self) -> None:
        """Start empty."""
        self._models: dict[str, _Model] = {}
        # In order: each page of a list needs some of them, which must not cost more as models become more.
        self._names: list[str] = []

    def __contains__(self, key: Key) -> bool:
        model = self._models.get(key.name)
        return model is not None and key.version in model.versions

    def __iter__(self) -> Iterator[VersionSpec]:
        for model in self._models.values():
            yield from model.versions.values()

    @property
    def models(self) -> int:
        """How many models there are."""
        return len(self._models)

    def has(self, name: str) -> bool:
        """Whether there is a model of this name."""
        return name in self._models

    def add(self, spec: VersionSpec) -> None:
        """Add a version; raises ConflictError when name and version are taken."""
        self.require_free(spec.key)
        if not self.has(spec.name):
            self._models[spec.name] = _Model(default=spec.version)
            insort(self._names, spec.name)
        self._models[spec.name].versions[spec.version] = spec

    def require_free(self, key: Key) -> None:
        """Raise ConflictError when that version is registered."""
        if key in self:
            raise ConflictError(f"Model version {key.version} is already registered for model {key.name}")

    def find(self, name: str, version: str | None = None) -> VersionSpec:
        """Return a version, the default one when none is named; raises ModelNotFoundError or VersionNotFoundError."""
        model = self._model(name)
        spec = model.versions.get(model.default if version is None else version)
        if spec is None:
            raise VersionNotFoundError(f"Model version: {version} does not exist for model: {name}")
        return spec

    def defaults(self, start: int = 0, stop: int | None = None) -> list[VersionSpec]:
        """Return the default version of each model, by the code points of their names (TorchServe).

        Those from the place `start` on alone, and before `stop`.
        """
        return [(model := self._models[name]).versions[model.default] for name in self._names[start:stop]]

    def versions(self, name: str) -> list[VersionSpec]:
        """Return every version of a model, oldest registration first; raises ModelNotFoundError."""
        return list(self._model(name).versions.values())

    def default_of(self, name: str) -> str:
        """Return the default version; raises ModelNotFoundError."""
        return self._model(name).default

    def require_version(self, name: str, version: str) -> Key:
        """Return the version that may become the default; the wording of a miss is TorchServe's own here."""
        spec = self._model(name).versions.get(version)
        if spec is None:
            raise VersionNotFoundError(f"Model version {version} does not exist for model {name}")
        return spec.key

    def set_default(self, name: str, version: str) -> None:
        """Make `version` the default; raises ModelNotFoundError or VersionNotFoundError."""
        self.require_version(name, version)
        self._model(name).default = version

    def require_removable(self, name: str, version: str | None) -> VersionSpec:
        """Return the version that may go; raises DefaultVersionError for a default beside others (TorchServe)."""
        spec = self.find(name, version)
        model = self._models[name]
        if spec.version == model.default and len(model.versions) > 1:
            raise DefaultVersionError(f"Cannot remove default version for model {name}")
        return spec

    def remove(self, key: Key) -> None:
        """Remove a version that exists, and its model with the last one; a default leaves its place to the oldest."""
        model = self._model(key.name)
        del model.versions[key.version]
        if not model.versions:
            del self._models[key.name]
            del self._names[bisect_left(self._names, key.name)]
        elif key.version == model.default:
            model.default = next(iter(model.versions))

    def _model(self, name: str) -> _Model:
        try:
            return self._models[name]
        except KeyError:
            raise ModelNotFoundError(f"Model not found: {name}") from None
