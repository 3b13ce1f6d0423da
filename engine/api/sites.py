"""Which APIs stand at which address, and with which table of operations. Pure.

TorchServe: APIs that are set to one address share its listener.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.api import inference, management, metrics, open_inference
from engine.api.authorization import Guard
from engine.api.description import described
from engine.api.operations import Operation
from engine.errors import SettingsError
from engine.settings import Address, Settings


class Site(NamedTuple):
    """One listener to be: the names of its APIs, and what is answered there."""

    apis: tuple[str, ...]
    address: Address
    operations: tuple[Operation, ...]
    guard: Guard | None


def sites(settings: Settings, guards: Mapping[str, Guard]) -> list[Site]:
    """Return the listeners that the settings ask for; `guards` by API.

    Raises SettingsError when two APIs with tokens of their own have one address.
    """
    tables: dict[str, tuple[Address, Sequence[Operation]]] = {
        "inference": (settings.inference_address, (*inference.OPERATIONS, *open_inference.operations(settings))),
        "management": (settings.management_address, management.operations(settings)),
    }
    if settings.enable_metrics_api:
        tables["metrics"] = settings.metrics_address, metrics.OPERATIONS
    groups: dict[tuple[str, Address], list[str]] = {}
    for api, (address, _) in tables.items():
        # Port 0 is another port for each.
        groups.setdefault(("" if address.port else api, address), []).append(api)
    return [_site(apis, address, tables, guards) for (_, address), apis in groups.items()]


def _site(
    apis: list[str],
    address: Address,
    tables: Mapping[str, tuple[Address, Sequence[Operation]]],
    guards: Mapping[str, Guard],
) -> Site:
    guarded = [api for api in apis if api in guards]
    if len(guarded) > 1:
        raise SettingsError(
            f"The {' and the '.join(guarded)} API have one address, {address}, and a token each. Give them different "
            "ports, or set disable_token_authorization=true."
        )
    rows = [row for api in apis for row in tables[api][1]]
    elsewhere = metrics.ELSEWHERE if "metrics" in tables and "metrics" not in apis else ()
    # TorchServe: the document of the metrics port tells of the metrics alone.
    operations = described(rows, f"Marina {' and '.join(apis)} API", elsewhere, hidden=apis == ["metrics"])
    return Site(tuple(apis), address, operations, guards[guarded[0]] if guarded else None)
