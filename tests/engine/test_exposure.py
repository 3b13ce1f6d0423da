"""What settings open, and which of them keep Marina from starting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.exposure import open_doors, require_guarded
from engine.settings import Address
from tests.support.servers import make_home, make_settings, serving

WIDE = Address("http", "0.0.0.0", 0)


def test_marinas_own_settings_open_nothing() -> None:
    assert open_doors(make_settings()) == []


def test_each_door_is_named_by_its_setting() -> None:
    settings = make_settings(
        allowed_urls=("file://.*",),
        model_store=Path("/"),
        allowed_hosts=("*",),
        cors_allowed_origin="*",
        management_address=WIDE,
        disable_token_authorization=True,
        insecure_network=True,
    )
    assert [door.split()[0] for door in open_doors(settings)] == [
        "allowed_urls", "model_store", "allowed_hosts", "cors_allowed_origin", "insecure_network",
    ]  # fmt: skip


def test_open_to_the_network_without_a_token_takes_a_second_switch(tmp_path: Path) -> None:
    settings = make_settings(management_address=WIDE, disable_token_authorization=True)

    async def start() -> None:
        async with serving(make_home(tmp_path), settings):
            pass

    with pytest.raises(SettingsError, match="insecure_network"):
        asyncio.run(start())


def test_tokens_or_loopback_are_guard_enough() -> None:
    require_guarded(make_settings(management_address=WIDE))
    require_guarded(make_settings(disable_token_authorization=True))
