"""What the settings open beyond what Marina opens by itself: named in the log, and in red in the window. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from engine.archives.urls import reaching_inside
from engine.errors import SettingsError

if TYPE_CHECKING:
    from engine.settings import Address, Settings

ANY = "*"
# The settings that decide who may call and what may be fetched.
GUARDS = (
    "allowed_hosts",
    "allowed_urls",
    "cors_allowed_origin",
    "disable_token_authorization",
    "enable_model_api",
    "insecure_network",
    "open_ping",
    "token_expiration_min",
    "token_persistence",
    "use_env_allowed_urls",
)
ALIKE = 0.8


def open_doors(settings: Settings) -> list[str]:
    """List what is open by an explicit setting alone, each with the setting first; empty with Marina's own."""
    doors = []
    if patterns := patterns_reaching_inside(settings):
        doors.append(
            "allowed_urls lets archives come from files, this machine or private networks: " + ", ".join(patterns)
        )
    if settings.model_store is not None and settings.model_store.parent == settings.model_store:
        doors.append(f"model_store lets every folder of this machine be registered as a model: {settings.model_store}")
    if ANY in settings.allowed_hosts:
        doors.append("allowed_hosts lets callers in under any name, so web pages can reach Marina by a name of theirs")
    if settings.cors_allowed_origin == ANY:
        doors.append("cors_allowed_origin lets every web page call")
    if beyond := unguarded(settings):
        doors.append(f"insecure_network lets other machines call without a token: {_listed(beyond)}")
    return doors


def patterns_reaching_inside(settings: Settings) -> list[str]:
    """List the patterns of allowed_urls that seem to open files, this machine or private networks."""
    return reaching_inside(settings.allowed_urls)


def unguarded(settings: Settings) -> list[Address]:
    """List the addresses that other machines reach and no token guards."""
    addresses = settings.calling_addresses
    return [one for one in addresses if not one.is_loopback] if settings.disable_token_authorization else []


def require_guarded(settings: Settings) -> None:
    """Raise SettingsError when other machines could call without a token and nobody said that they may.

    TorchServe needs disable_token_authorization alone for that; one switch is flipped too easily. A key that nobody
    knows and that looks like one of those that guard is a mistake that would leave a door open.
    """
    for key in settings.unknown_keys:
        if meant := difflib.get_close_matches(key, GUARDS, n=1, cutoff=ALIKE):
            raise SettingsError(
                f"Nobody knows the setting {key}. {meant[0]} may be meant; without it Marina is not safe."
            )
    if (beyond := unguarded(settings)) and not settings.insecure_network:
        raise SettingsError(
            f"Other machines could run code here without a token: {_listed(beyond)} is open to the network and "
            "disable_token_authorization is true. Use tokens, or listen on 127.0.0.1, or set insecure_network=true too."
        )


def _listed(addresses: list[Address]) -> str:
    return ", ".join(map(str, addresses))
