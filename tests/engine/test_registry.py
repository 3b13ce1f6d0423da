"""Which versions exist, which one is the default, and which may go."""

from __future__ import annotations

import pytest

from engine.errors import ConflictError, DefaultVersionError, ModelNotFoundError, VersionNotFoundError
from engine.registry.registry import Registry
from engine.snapshots import Key
from tests.support.records import spec


def registry(*keys: tuple[str, str]) -> Registry:
    made = Registry()
    for key in keys:
        made.add(spec(*key))
    return made


def names(models: Registry) -> list[str]:
    return [one.name for one in models.defaults()]


def test_the_first_version_is_the_default_and_later_ones_are_not() -> None:
    models = registry(("m", "2.0"), ("m", "1.0"))

    assert models.default_of("m") == "2.0"
    assert models.find("m").version == "2.0"
    assert models.find("m", "1.0").version == "1.0"
    assert [one.version for one in models.versions("m")] == ["2.0", "1.0"]


def test_names_are_listed_by_code_point() -> None:
    assert names(registry(("b", "1"), ("a", "1"), ("B", "1"), ("é", "1"))) == ["B", "a", "b", "é"]


def test_a_part_of_the_defaults_is_listed_as_models_come_and_go() -> None:
    models = registry(("c", "1"), ("a", "1"), ("a", "2"), ("d", "1"), ("b", "1"))
    models.set_default("a", "2")

    assert [one.key for one in models.defaults(0, 2)] == [Key("a", "2"), Key("b", "1")]
    models.remove(Key("b", "1"))
    assert [one.name for one in models.defaults(1, 5)] == ["c", "d"]
    assert models.defaults(3) == []
    assert models.models == 3


def test_a_version_is_compared_literally() -> None:
    models = registry(("m", "1.0"))

    models.add(spec("m", "1"))

    assert Key("m", "1") in models
    assert Key("m", "1.00") not in models


def test_the_same_name_and_version_is_refused_and_changes_nothing() -> None:
    models = registry(("m", "1.0"))

    with pytest.raises(ConflictError, match=r"^Model version 1\.0 is already registered for model m$"):
        models.add(spec("m", "1.0"))

    assert len(list(models)) == 1


def test_what_is_missing_is_named() -> None:
    models = registry(("m", "1.0"))

    with pytest.raises(ModelNotFoundError, match=r"^Model not found: n$"):
        models.find("n")
    with pytest.raises(VersionNotFoundError, match=r"^Model version: 2 does not exist for model: m$"):
        models.find("m", "2")
    with pytest.raises(VersionNotFoundError, match=r"^Model version 2 does not exist for model m$"):
        models.set_default("m", "2")


def test_another_version_becomes_the_default_and_the_old_one_is_told() -> None:
    models = registry(("m", "1"), ("m", "2"))

    models.set_default("m", "2")
    assert models.default_of("m") == "2"
    assert models.find("m").version == "2"


def test_a_default_version_goes_only_as_the_last_one() -> None:
    models = registry(("m", "1"), ("m", "2"))

    with pytest.raises(DefaultVersionError, match=r"^Cannot remove default version for model m$"):
        models.require_removable("m", None)
    assert models.require_removable("m", "2").version == "2"
    models.remove(Key("m", "2"))
    assert models.require_removable("m", None).version == "1"
    models.remove(Key("m", "1"))
    assert names(models) == []


def test_when_a_default_version_goes_all_the_same_the_oldest_takes_its_place() -> None:
    models = registry(("m", "1"), ("m", "2"), ("m", "3"))

    models.remove(Key("m", "1"))

    assert models.find("m").version == "2"
